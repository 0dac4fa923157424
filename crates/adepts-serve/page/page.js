"use strict";
// What is shown stands in the address (#user=… or #history=…,…), so that it can be linked to and gone back to.

const at = (id) => document.getElementById(id);
const state = { user: null, history: [], facts: null };
/** Answers that come late must not replace later ones. */
let asked = 0;
let searched = 0;

/** An element with text and children; nothing is ever read as markup. */
function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** Problems in words for a person; what the server says is meant for programs. */
const WORDS = {
  "unknown-user": () => `The model does not know a user “${state.user}”. Check the id, or add a few items that this person has used, as for someone new.`,
  "no-histories": () => "This model keeps nothing of single users, so none can be looked up. Add a few items that this person has used, as for someone new.",
  busy: () => "Too many are asking at the moment. Try again in a second.",
  late: () => "The answer took too long. Try again in a second.",
  stopping: () => "The server is about to stop. Try again in a moment.",
  "report-changed": () => "The report of this run is not the one that was written, so it is not shown. Whoever runs the server can write it anew.",
  events: () => "What users did lately cannot be read at the moment. Try again in a few seconds.",
};

const wordsFor = (problem) => WORDS[problem?.type?.split(":").pop()]?.();

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The server cannot be reached.");
  }
  if (response.ok) return response.json();
  const problem = await response.json().catch(() => null);
  throw new Error(wordsFor(problem) ?? problem?.detail ?? `The server answered with status ${response.status}.`);
}

const named = (item) => item.title ?? String(item.item);
const count = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;

function say(text, problem = "") {
  at("status").textContent = text;
  at("problem").textContent = problem;
  at("problem").hidden = problem === "";
}

function clearAnswer() {
  at("items").replaceChildren();
  for (const id of ["about", "experts", "known"]) at(id).hidden = true;
}

async function answer() {
  const mine = ++asked;
  if (state.user === null && state.history.length === 0) {
    clearAnswer();
    say("Find a user, or add an item to a history.");
    return;
  }
  say("Asking …");
  document.body.classList.add("busy");
  const n = Math.min(100, Math.max(1, Number(at("n").value) || 10));
  const question = { n, explain: true, exclude: at("used").checked ? "none" : undefined };
  if (state.user === null) question.history = state.history.map((item) => item.item);
  else question.user = state.user;
  try {
    const headers = { "content-type": "application/json" };
    const found = await call("v1/recommend", { method: "POST", headers, body: JSON.stringify(question) });
    const user = state.user === null ? null : await call(`v1/users/${encodeURIComponent(state.user)}/history`);
    if (mine === asked) show(found, user);
  } catch (error) {
    if (mine === asked) {
      clearAnswer();
      say("", error.message);
    }
  } finally {
    if (mine === asked) document.body.classList.remove("busy");
  }
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (text.endsWith(".") ? "" : ".");
}

function show(answer, user) {
  const whom = state.user === null ? "this history" : `user ${state.user}`;
  say(`${count(answer.items.length, "item")} for ${whom}.`);
  const about = [];
  if (answer.note) about.push(sentence(answer.note));
  else if (answer.fallback) about.push("There was nothing to go by, so these are the items that most users have.");
  if (answer.unknown?.count) about.push(`Not in the catalogue: ${answer.unknown.ids.join(", ")}.`);
  if (answer.group) about.push(`How mainstream this taste is: ${answer.group.name}, with a score of ${answer.group.score.toPrecision(3)}.`);
  at("about").textContent = about.join(" ");
  at("about").hidden = about.length === 0;
  at("items").replaceChildren(...answer.items.map(row));
  shares(answer.experts);
  at("known").hidden = user === null;
  if (user !== null) {
    const line = (item, since) => make("li", {}, named(item) + (since ? " (since the training)" : ""));
    const lines = [...user.since.map((item) => line(item, true)).reverse(), ...user.trained.map((item) => line(item, false))];
    at("history").replaceChildren(...lines);
    at("known").querySelector("summary").textContent = `What is known of this user: ${count(lines.length, "item")}`;
  }
}

function row(item, index) {
  const more = make("span", { class: "more" });
  if (item.title !== undefined) more.append(make("small", {}, `id ${item.item}`));
  if (item.because?.length) {
    const reasons = item.because.slice(0, 3).map((reason) => `${named(reason)} (+${reason.effect.toPrecision(2)})`);
    more.append(make("small", {}, `because of ${reasons.join(", ")}`));
  }
  if (state.user === null) {
    const add = make("button", { type: "button", "aria-label": `Add ${named(item)} to the history` }, "add to the history");
    add.addEventListener("click", () => choose(item));
    more.append(add);
  }
  return make("li", {},
    make("span", { class: "rank" }, String(index + 1)),
    make("span", { class: "title" }, named(item)),
    make("span", { class: "score", title: "score, comparable within this list" }, item.score.toPrecision(4)),
    more);
}

/** Shares relative to an equal one: 1 is what each expert would have if all had the same. */
function shares(experts) {
  at("experts").hidden = !experts?.length;
  if (!experts?.length) return;
  const most = Math.max(...experts, 1) * 1.1;
  at("shares").replaceChildren(...experts.map((share, index) => {
    const bar = make("i", { title: `expert ${index + 1}: ${share.toFixed(3)}` });
    bar.style.height = `${(100 * share) / most}%`;
    return bar;
  }));
  at("shares").style.setProperty("--equal", `${100 / most}%`);
  const order = experts.map((share, index) => ({ share, index })).sort((a, b) => b.share - a.share);
  const first = order.slice(0, 3).map(({ share, index }) => `expert ${index + 1} with ${share.toFixed(2)}`).join(", ");
  const flat = order[0].share < 1.05 && order.at(-1).share > 0.95;
  const said = flat ? "All experts have nearly the same share." : `The largest: ${first}.`;
  at("experts-said").textContent = `${said} The dashed line, 1, is an equal share of ${count(experts.length, "expert")}.`;
}

// The history, as it is built.

function choose(item) {
  if (!state.history.some((other) => String(other.item) === String(item.item))) state.history.push(item);
  state.user = null;
  at("user").value = "";
  closeFound();
  at("search").value = "";
  remember();
}

function chips() {
  at("chosen").replaceChildren(...state.history.map((item) => {
    const remove = make("button", { type: "button", "aria-label": `Remove ${named(item)} from the history` }, named(item));
    remove.addEventListener("click", () => {
      state.history = state.history.filter((other) => other !== item);
      remember();
      at("search").focus();
    });
    return make("li", {}, remove);
  }));
}

// Looking for items, as the combobox pattern has it: arrows move, Enter takes, Escape closes.

let found = [];
let marked = -1;

function closeFound() {
  searched++;
  found = [];
  marked = -1;
  at("found").hidden = true;
  at("search").setAttribute("aria-expanded", "false");
  at("search").removeAttribute("aria-activedescendant");
}

async function search() {
  const mine = ++searched;
  const items = await call(`v1/items?limit=12&query=${encodeURIComponent(at("search").value)}`).catch((error) => {
    say("", error.message);
    return [];
  });
  if (mine !== searched) return;
  found = items;
  at("found").replaceChildren(...items.map((item, index) => {
    const option = make("li", { role: "option", id: `found-${index}`, "aria-selected": "false" }, named(item),
      make("small", {}, `${item.title === undefined ? "" : `id ${item.item}, `}${count(item.users, "user")}`));
    // Not on click: the input must not lose the focus before.
    option.addEventListener("mousedown", (event) => event.preventDefault());
    option.addEventListener("click", () => choose(item));
    return option;
  }));
  if (items.length === 0) at("found").append(make("li", { role: "option", "aria-disabled": "true" }, "nothing found"));
  at("found").hidden = false;
  at("search").setAttribute("aria-expanded", "true");
  mark(items.length > 0 && at("search").value !== "" ? 0 : -1);
}

function mark(index) {
  marked = index;
  [...at("found").children].forEach((option, i) => option.setAttribute("aria-selected", String(i === index)));
  if (index < 0) return at("search").removeAttribute("aria-activedescendant");
  at("search").setAttribute("aria-activedescendant", `found-${index}`);
  at(`found-${index}`).scrollIntoView({ block: "nearest" });
}

function keys(event) {
  const open = !at("found").hidden;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    if (!open) return void search();
    const step = event.key === "ArrowDown" ? 1 : -1;
    if (found.length > 0) mark((marked + step + found.length) % found.length);
  } else if (event.key === "Enter" && open && marked >= 0) {
    event.preventDefault();
    choose(found[marked]);
  } else if (event.key === "Escape") {
    closeFound();
  }
}

// The address.

function remember() {
  const ids = state.history.map((item) => encodeURIComponent(item.item)).join(",");
  const address = state.user !== null ? `#user=${encodeURIComponent(state.user)}` : ids ? `#history=${ids}` : "#";
  if (location.hash === address || (address === "#" && location.hash === "")) showAddress();
  else location.hash = address;
}

async function titled(id) {
  const items = await call(`v1/items?limit=1&query=${encodeURIComponent(id)}`).catch(() => []);
  return items.find((item) => String(item.item) === id) ?? { item: id };
}

async function showAddress() {
  const address = location.hash.slice(1);
  const report = address === "report";
  at("ask").hidden = report;
  at("report").hidden = !report;
  at(report ? "to-report" : "to-ask").setAttribute("aria-current", "page");
  at(report ? "to-ask" : "to-report").removeAttribute("aria-current");
  if (report) return void showReport();
  if (state.facts.family === "examples") return;
  const [key, value = ""] = address.split(/=(.*)/s);
  let ids = [];
  try {
    state.user = key === "user" && value !== "" ? decodeURIComponent(value) : null;
    ids = key === "history" ? value.split(",").filter((id) => id !== "").map(decodeURIComponent) : [];
  } catch {
    say("", "The address of this page is damaged.");
  }
  at("user").value = state.user ?? "";
  const known = new Map(state.history.map((item) => [String(item.item), item]));
  state.history = await Promise.all([...new Set(ids)].map((id) => known.get(id) ?? titled(id)));
  chips();
  answer();
}

async function showReport() {
  if (at("frame").src) return;
  const there = await fetch("report", { method: "HEAD" }).then((response) => response.ok, () => false);
  at("no-report").hidden = there;
  if (!there) {
    const problem = await fetch("report").then((response) => response.json()).catch(() => null);
    // Where there is none, the page says so already.
    const words = wordsFor(problem);
    if (words) at("no-report").textContent = words;
  }
  at("frame").hidden = !there;
  if (there) at("frame").src = "report";
}

async function start() {
  at("user-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const user = at("user").value.trim();
    state.user = user === "" ? null : user;
    state.history = [];
    remember();
  });
  at("search").addEventListener("input", search);
  at("search").addEventListener("keydown", keys);
  at("search").addEventListener("click", () => { if (at("found").hidden) search(); });
  at("search").addEventListener("blur", closeFound);
  for (const id of ["n", "used"]) at(id).addEventListener("change", answer);
  at("clear").addEventListener("click", () => {
    Object.assign(state, { user: null, history: [] });
    at("search").value = "";
    remember();
    at("user").focus();
  });
  addEventListener("hashchange", showAddress);
  try {
    state.facts = await call("v1/model");
  } catch (error) {
    say("", error.message);
    return;
  }
  const { run, model, users, items, experts, family } = state.facts;
  document.title = `${run} · adepts`;
  at("run").textContent = run;
  const mixed = experts > 1 ? `, ${count(experts, "expert")}` : "";
  const size = family === "histories" ? `, ${count(users, "user")}, ${count(items, "item")}` : "";
  at("facts").textContent = `${model}${mixed}${size}`;
  if (family === "examples") {
    const finds = items > 0 ? `finds the best of ${count(items, "item")} for them` : "ranks what is sent with them";
    at("ask").replaceChildren(make("p", { class: "note" },
      `This model goes by the rows of a table, not by what someone has used, so there is nothing to try out here: a program sends what is known of a person, and the model ${finds}. How it is asked stands under Interface, how good it is under Report.`));
  }
  showAddress();
}

start();
