// The page of the site's names: each button is one change, after which the server makes the page anew.

import { ask } from "./graphql.js";
import { logins } from "./login.js";

const facts = JSON.parse(document.getElementById("facts").textContent);
const problem = document.getElementById("problem");
const form = document.getElementById("request");

logins(facts);
enable(true);
document.getElementById("content").addEventListener("click", ({ target }) => {
  const { change: field, name, leads, copy: text } = target.closest("button")?.dataset ?? {};
  if (text) copy(target.closest("button"), text);
  if (field) change(field, leads ? { name, leads: leads === "true" } : { name });
});
form?.addEventListener("submit", (event) => {
  event.preventDefault();
  change("requestOwnDomain", Object.fromEntries(new FormData(form)));
});

async function change(field, input) {
  enable(false);
  const words = await attempt(field, input);
  if (words === null) {
    location.reload();
    return;
  }
  problem.textContent = words;
  problem.hidden = false;
  problem.scrollIntoView({ block: "nearest" });
  enable(true);
}

// Null when it is done, else the words for why it is not.
async function attempt(field, input) {
  try {
    const { data, errors } = await ask(facts.graphql, facts.changes[field], { input });
    const done = data?.[field];
    return errors?.[0].message ?? (done ? done.userErrors[0]?.message ?? null : facts.busy);
  } catch {
    return facts.busy;
  }
}

async function copy(button, text) {
  await navigator.clipboard.writeText(text);
  button.firstChild.textContent = "Copied";
}

function enable(isEnabled) {
  for (const button of document.querySelectorAll("[data-change], [data-copy]")) button.disabled = !isEnabled;
  form?.querySelector("fieldset").toggleAttribute("disabled", !isEnabled);
}
