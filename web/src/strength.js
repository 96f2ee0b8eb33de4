// How easily a password is guessed, by what the API itself asks: zxcvbn, of as many characters.

import zxcvbn from "zxcvbn";

const READ = 72;

// From 0, which anybody guesses, to 4; and what zxcvbn says of it. The API takes 3 and more.
export function strength(password, ownWords) {
  const { score, feedback } = zxcvbn(password.slice(0, READ), ownWords);
  return { score, warning: feedback.warning };
}
