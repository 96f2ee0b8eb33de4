// Two things that HTML cannot do: read the end of a mailed link, and count a password's characters.

// The token of a mailed link comes after "#", which no server sees. It goes into the form, and
// away from the address bar and the history; the form then asks what has become of the link.
const opener = document.querySelector("form[data-opens-link]");
function open() {
  const token = /^#token=([\w-]+)$/.exec(location.hash);
  if (!opener || !token) return;
  history.replaceState(null, "", location.pathname);
  opener.elements.token.value = token[1];
  opener.submit();
}
// Where a letter's page is open already, another letter's link only changes what comes after "#".
addEventListener("hashchange", open);
open();

for (const password of document.querySelectorAll("input[data-least]")) {
  const count = document.createElement("p");
  count.className = "hint";
  count.setAttribute("role", "status");
  password.after(count);
  password.addEventListener("input", () => {
    const typed = [...password.value.normalize("NFC")].length;
    const missing = Number(password.dataset.least) - typed;
    count.textContent = !typed ? ""
      : missing > 0 ? `${missing} more character${missing > 1 ? "s" : ""}, please.`
      : "Long enough.";
  });
}
