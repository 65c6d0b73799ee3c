// The page of the site's names: each button is one change, after which the server makes the page anew.

import { change } from "./changes.js";
import { logins } from "./login.js";

const facts = JSON.parse(document.getElementById("facts").textContent);
const problem = document.getElementById("problem");
const form = document.getElementById("request");

logins(facts);
enable(true);
document.getElementById("content").addEventListener("click", ({ target }) => {
  const { change: field, name, leads, copy: text } = target.closest("button")?.dataset ?? {};
  if (text) copy(target.closest("button"), text);
  if (field) press(field, leads ? { name, leads: leads === "true" } : { name });
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  press("requestOwnDomain", Object.fromEntries(new FormData(form)));
});

async function press(field, input) {
  enable(false);
  const { done, words } = await change(facts, facts.changes[field], field, { input });
  if (done) {
    location.reload();
    return;
  }
  problem.textContent = words;
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
  enable(true);
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.firstChild.textContent = "Copied";
}

function enable(isEnabled) {
  for (const button of document.querySelectorAll("[data-change], [data-copy]")) button.disabled = !isEnabled;
  form?.querySelector("fieldset").toggleAttribute("disabled", !isEnabled);
}
