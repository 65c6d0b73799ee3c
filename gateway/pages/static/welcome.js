// The page that an invitation leads to: the token stands behind the #, which no server sees, and leaves the address at once.

import { answer, tokenOfAddress } from "./links.js";

const facts = JSON.parse(document.getElementById("facts").textContent);
const token = tokenOfAddress();
const form = document.getElementById("welcome");
const fields = form.querySelector("fieldset");
const problem = form.querySelector('[data-slot="problem"]');

if (token) fields.disabled = false;
else tell(facts.noToken);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const { password, again } = Object.fromEntries(new FormData(form));
  if (password !== again) return tell(facts.different);
  fields.disabled = true;
  const { done, words } = await answer(facts, { input: { token, password } });
  if (done) return location.replace(done.isStaff ? "/admin" : "/");
  fields.disabled = false;
  tell(words);
});

function tell(words) {
  problem.textContent = words;
  problem.hidden = false;
}
