/** What all pages have. Adopted by their scripts, so that the page's policy can forbid every other style. */
export const baseStyle = `
:root { color-scheme: light dark; }
body { margin: 0; padding: 0; color: var(--vscode-foreground); background: var(--vscode-editor-background);
  font: var(--vscode-font-size, 13px)/1.4 var(--vscode-font-family, sans-serif); }
h1 { font-size: 1.2em; margin: 8px; }
h2 { font-size: 1.1em; margin: 12px 0 4px; }
h3 { font-size: 1em; margin: 12px 0 4px; }
p { margin: 4px 0; }
.unseen { position: absolute; width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.labelled { display: inline-flex; gap: 6px; align-items: center; }
input, select, button, textarea { font: inherit; color: var(--vscode-input-foreground); background: var(--vscode-input-background);
  border: 1px solid var(--vscode-input-border, var(--vscode-contrastBorder, var(--vscode-descriptionForeground, #888))); padding: 2px 6px; }
input[type=number] { width: 7em; }
button { color: var(--vscode-button-foreground); background: var(--vscode-button-background); padding: 3px 10px; cursor: pointer;
  border-color: var(--vscode-contrastBorder, transparent); }
::placeholder { color: var(--vscode-input-placeholderForeground, inherit); opacity: 1; }
:focus-visible { outline: 1px solid var(--vscode-focusBorder, Highlight); outline-offset: -1px; }
.controls { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; margin: 4px 0; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 1px 12px; margin: 4px 0; }
.facts dt { color: var(--vscode-descriptionForeground, inherit); }
.facts dd { margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; user-select: text; }
table { border-collapse: collapse; margin: 6px 0; font-variant-numeric: tabular-nums; }
th, td { text-align: left; font-weight: normal; padding: 1px 10px 1px 0; vertical-align: top; overflow-wrap: anywhere; unicode-bidi: isolate; }
thead th { border-bottom: 1px solid var(--vscode-panel-border, #8888); font-weight: bold; }
details { margin: 4px 0; overflow: auto; }
summary { cursor: pointer; }
.hint, .status { color: var(--vscode-descriptionForeground, inherit); margin: 2px 0; }
.error { margin: 12px; padding-left: 8px; border-left: 3px solid var(--vscode-errorForeground, currentColor); overflow-wrap: anywhere; }
`
