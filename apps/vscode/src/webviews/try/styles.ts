/** Adopted by the script, behind what all pages have. */
export const styles = `
main { padding: 0 12px 12px; }
h1 { margin-left: 0; }
textarea { width: 100%; max-width: 60em; box-sizing: border-box; resize: vertical; }
form > .labelled { display: flex; flex-direction: column; align-items: stretch; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(18em, 1fr)); gap: 16px; }
.written { white-space: pre-wrap; overflow-wrap: anywhere; unicode-bidi: isolate; user-select: text; min-height: 3em; padding: 6px 8px;
  border: 1px solid var(--vscode-contrastBorder, var(--vscode-panel-border, #8888)); }
mark { color: inherit; background: none; text-decoration: underline 2px var(--vscode-charts-yellow, currentColor); text-underline-offset: 3px; }
[hidden] { display: none; }
section .error { margin: 2px 0; }
`
