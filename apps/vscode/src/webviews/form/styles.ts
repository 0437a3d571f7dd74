/** Adopted by the script, behind what all pages have. */
export const styles = `
html { scroll-padding-top: 4em; }
main { padding: 0 12px 24px; max-width: 72em; }
h1 { margin-left: 0; }
.bar { position: sticky; top: 0; padding: 6px 0; background: var(--vscode-editor-background); z-index: 1; }
.group { display: grid; grid-template-columns: repeat(auto-fill, minmax(17em, 1fr)); gap: 10px 20px; align-items: start; }
.group > section, .strange { grid-column: 1 / -1; }
.field { min-width: 0; overflow-wrap: anywhere; }
.name { display: block; font-weight: bold; font-family: var(--vscode-editor-font-family, monospace); }
.field input, .field select, .field textarea { width: 100%; max-width: 26em; box-sizing: border-box; margin: 2px 0; }
.controls select { max-width: 100%; min-width: 0; }
.entries > * { display: block; }
.cards { list-style: none; padding: 0; margin: 8px 0; }
.card { border: 1px solid var(--vscode-contrastBorder, var(--vscode-panel-border, #8888)); padding: 4px 12px 12px; margin: 8px 0; }
.card > .controls > h3 { margin: 0 auto 0 0; }
.hint { font-size: 0.92em; }
.marks { list-style: none; margin: 2px 0; padding: 0; }
.marks > li { padding-left: 8px; border-left: 3px solid var(--vscode-descriptionForeground, currentColor); overflow-wrap: anywhere; }
.marks > .error { margin: 0; border-color: var(--vscode-errorForeground, currentColor); }
.marks > .warning { border-color: var(--vscode-editorWarning-foreground, var(--vscode-charts-yellow, currentColor)); }
[aria-invalid=true], :user-invalid { border-color: var(--vscode-errorForeground, currentColor); }
pre { margin: 2px 0; max-height: 16em; overflow: auto; user-select: text; }
button.quiet { color: var(--vscode-button-secondaryForeground, var(--vscode-foreground)); background: var(--vscode-button-secondaryBackground, transparent);
  border-color: var(--vscode-contrastBorder, var(--vscode-descriptionForeground, #888)); }
.card > .field { margin-bottom: 10px; }
button:disabled { opacity: 0.5; cursor: default; }
[hidden] { display: none !important; }
`
