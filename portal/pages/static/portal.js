// Two things that HTML cannot do: read the end of a mailed link, and judge a password.

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

// Who chooses a password sees at once what the API will say of it. What judges it comes only when
// somebody is about to type, and where it was not built, there are the characters to count.
for (const password of document.querySelectorAll("input[data-least]")) {
  const meter = document.createElement("meter");
  Object.assign(meter, { max: 4, low: 2, high: 3, optimum: 4, hidden: true });
  meter.setAttribute("aria-label", "How hard the password is to guess");
  const advice = document.createElement("p");
  advice.className = "hint";
  advice.setAttribute("role", "status");
  password.after(meter, advice);

  const { least, strength: judge } = password.dataset;
  const judging = () => (judge ? import(judge).catch(() => ({})) : Promise.resolve({}));
  password.addEventListener("focus", judging, { once: true });
  async function look() {
    const { strength } = await judging();
    const typed = password.value.normalize("NFC");
    const missing = Number(least) - [...typed].length;
    const username = password.form.elements.username?.value;
    const found = strength?.(typed, username ? [username] : []);
    meter.hidden = !typed || !found;
    const score = found?.score ?? 0;
    meter.value = missing > 0 ? Math.min(score, 2) : score;
    advice.textContent = !typed ? ""
      : missing > 0 ? `${missing} more character${missing > 1 ? "s" : ""}, please.`
      : !found ? "Long enough."
      : score > 2 ? "This is a good password."
      : `${found.warning || "This password is easy to guess"}. Choose one that nobody would guess.`;
  }
  password.addEventListener("input", look);
  password.form.elements.username?.addEventListener("input", look);
}
