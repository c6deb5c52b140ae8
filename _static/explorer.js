/* The list of class "rg-examples": choices above it narrow it. Without this script all of it is there. */
document.addEventListener("DOMContentLoaded", () => {
  const list = document.querySelector(".rg-examples");
  if (!list) return;
  const examples = [...list.children];
  const form = document.createElement("form");
  form.className = "rg-choices";
  for (const [key, label] of Object.entries(JSON.parse(list.dataset.by))) {
    const values = [...new Set(examples.map((example) => example.dataset[key]))];
    const choice = document.createElement("select");
    choice.name = key;
    choice.append(new Option("any", ""), ...values.map((value) => new Option(value)));
    const named = document.createElement("label");
    named.append(label, choice);
    form.append(named);
  }
  const buttons = document.createElement("div");
  form.append(buttons);
  const button = (textContent, type, does) => {
    const made = Object.assign(document.createElement("button"), { textContent, type });
    made.addEventListener("click", does);
    buttons.append(made);
  };
  const left = () => examples.filter((example) => !example.hidden);
  button("All examples", "reset", () => setTimeout(narrow));
  button("Open these", "button", () => left().forEach((example) => (example.open = true)));
  button("Close these", "button", () => left().forEach((example) => (example.open = false)));
  const count = document.createElement("p");
  count.setAttribute("role", "status");
  const narrow = () => {
    const chosen = [...new FormData(form)].filter(([, value]) => value);
    for (const example of examples) {
      example.hidden = chosen.some(([key, value]) => example.dataset[key] !== value);
    }
    count.textContent = `${left().length} of ${examples.length} examples`;
  };
  form.addEventListener("change", narrow);
  list.before(form, count);
  narrow();
});
