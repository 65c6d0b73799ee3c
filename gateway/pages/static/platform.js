// The page of the platform: what the client decides of the features that it tries.

import { change } from "./changes.js";
import { logins } from "./login.js";

const facts = JSON.parse(document.getElementById("facts").textContent);

logins(facts);
for (const form of document.querySelectorAll("[data-trial]")) {
  form.querySelector("fieldset").disabled = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    decide(form, event.submitter.value);
  });
}

async function decide(form, field) {
  const fields = form.querySelector("fieldset");
  const problem = form.querySelector('[data-slot="problem"]');
  const { trial: id } = form.dataset;
  const reason = form.elements.reason.value;
  fields.disabled = true;
  const { done, words } = await change(facts, facts.changes[field], field, { id, reason });
  if (done) {
    location.reload();
    return;
  }
  problem.textContent = words;
  problem.hidden = false;
  fields.disabled = false;
}
