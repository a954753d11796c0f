// SPDX-License-Identifier: Apache-2.0
// The program's text area becomes an editor with Python's colours. It lives in a shadow root, where its styles are
// style sheets made by script, which the page's policy allows; what is typed goes to the text area, which the page reads.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Compartment, EditorState } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { tags } from "@lezer/highlight";

const area = document.getElementById("code");
const chosen = document.getElementById("language");
const language = new Compartment();

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.operatorKeyword], color: "light-dark(#7a1fa2, #d9a6f2)" },
  { tag: [tags.string, tags.special(tags.string)], color: "light-dark(#0b6b2e, #8fd6a3)" },
  { tag: [tags.number, tags.bool, tags.null], color: "light-dark(#9a3b00, #f0b27a)" },
  { tag: tags.comment, color: "light-dark(#5c5c5c, #a8a8a8)", fontStyle: "italic" },
  { tag: [tags.function(tags.variableName), tags.function(tags.propertyName), tags.className], color: "light-dark(#0a4fa3, #8ebcf5)" },
  { tag: [tags.definition(tags.variableName), tags.self], color: "light-dark(#005f66, #7fd0d6)" },
]);

const looks = EditorView.theme({
  "&": { border: "1px solid GrayText", borderRadius: ".3rem", background: "Field", color: "FieldText", minHeight: "19rem", maxHeight: "34rem" },
  "&.cm-focused": { outline: "2px solid Highlight", outlineOffset: "1px" },
  ".cm-scroller": { font: ".95rem/1.45 ui-monospace, monospace", overflow: "auto", minHeight: "19rem" },
  ".cm-gutters": { background: "transparent", color: "light-dark(#5c5c5c, #a8a8a8)", border: "none" },
  ".cm-content": { caretColor: "FieldText" },
  ".cm-cursor": { borderLeftColor: "FieldText" },
  ".cm-activeLine": { background: "light-dark(#0000000a, #ffffff12)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { background: "light-dark(#b3d4fc, #2f4f7a)" },
});

function ofLanguage() {
  return chosen.value === "" || chosen.value === "python" ? python() : [];
}

// Tab indents, so there must be a way out by keyboard: to what one wants next.
function leave() {
  ["run", "line", "stop"].map((id) => document.getElementById(id)).find((one) => !one.disabled).focus();
  return true;
}

const host = document.createElement("div");
host.id = "editor";
const root = host.attachShadow({ mode: "open" });
area.before(host);
const view = new EditorView({
  root,
  parent: root,
  state: EditorState.create({
    doc: area.value,
    extensions: [
      lineNumbers(), highlightActiveLine(), drawSelection(), history(), bracketMatching(), indentOnInput(), indentUnit.of("    "),
      EditorState.tabSize.of(4), EditorView.lineWrapping, syntaxHighlighting(colours), looks, language.of(ofLanguage()),
      EditorView.contentAttributes.of({ "aria-label": "Program", "aria-describedby": "keys" }),
      // Ctrl-Enter is the page's.
      keymap.of([{ key: "Escape", run: leave }, indentWithTab, ...historyKeymap, ...defaultKeymap.filter((row) => row.key !== "Mod-Enter")]),
      EditorView.updateListener.of((update) => {
        if (update.docChanged) area.value = update.state.doc.toString();
      }),
    ],
  }),
});
const keys = document.createElement("span");
keys.id = "keys";
keys.hidden = true;
keys.textContent = "Tab indents, Escape leaves the editor, Control Enter runs";
root.append(keys);
area.hidden = true;
document.querySelector("label[for=code]").addEventListener("click", () => view.focus());
chosen.addEventListener("change", () => view.dispatch({ effects: language.reconfigure(ofLanguage()) }));
