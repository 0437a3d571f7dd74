/** Adopted by the script, behind what all pages have. */
export const styles = `
.panes { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); height: 100vh; }
.left { display: flex; flex-direction: column; min-height: 0; padding: 6px 0 0 6px; box-sizing: border-box; height: 100%; overflow: hidden; }
.right { overflow: auto; padding: 0 12px 12px; box-sizing: border-box; height: 100%;
  border-left: 1px solid var(--vscode-contrastBorder, var(--vscode-panel-border, #8888)); }
@media (max-width: 700px) { .panes { grid-template-columns: minmax(0, 1fr); grid-template-rows: 55vh auto; height: auto; }
  .right { border-left: 0; height: auto; } .shape, .encoding { display: none; } }
.left > .labelled input { flex: 1; min-width: 16em; }
.tree, .comparison { position: relative; overflow: auto; flex: 1; min-height: 4em; }
.comparison { height: 70vh; }
.comparing { padding: 8px 12px; }
.comparing h1 { margin: 0 0 8px; }
.space { position: relative; min-width: 100%; }
.row { position: absolute; inset: 0 0 auto 0; height: 22px; line-height: 22px; display: flex; gap: 8px; white-space: nowrap; cursor: pointer;
  box-sizing: border-box; }
.row[hidden], [hidden] { display: none; }
.row > span { overflow: hidden; text-overflow: ellipsis; unicode-bidi: isolate; }
.row:hover { background: var(--vscode-list-hoverBackground); }
.row[aria-selected=true] { background: var(--vscode-list-inactiveSelectionBackground); font-weight: bold;
  outline: 1px dotted var(--vscode-contrastActiveBorder, transparent); outline-offset: -1px; }
.tree:focus .row.active { outline: 1px solid var(--vscode-focusBorder, Highlight); outline-offset: -1px; }
.twisty { flex: 0 0 14px; margin-left: calc(var(--level) * 12px); text-align: center; }
.label { flex: 1 1 14em; min-width: 6em; }
.encoding { flex: 0 0 7em; } .shape { flex: 0 0 9em; text-align: right; }
.bits { flex: 0 0 4em; text-align: right; } .bytes { flex: 0 0 5em; text-align: right; }
.bar { flex: 0 0 60px; align-self: center; height: 8px; margin-right: 8px; border: 1px solid var(--vscode-contrastBorder, transparent); }
.filled { display: block; height: 100%; background: var(--vscode-charts-blue, currentColor); }
.chart { display: block; width: 100%; max-width: 640px; }
.map { image-rendering: pixelated; }
.map-frame { max-width: 640px; border: 1px solid var(--vscode-contrastBorder, var(--vscode-panel-border, #8888)); }
.cell { display: block; min-height: 1.4em; }
.comparison .row > span { flex: 0 0 8em; } .comparison .row > span:first-child { flex: 1 0 20em; }
.comparison .row { min-width: 80em; cursor: default; }
.sticky { position: sticky; top: 0; z-index: 1; height: 22px; min-width: 80em; background: var(--vscode-editor-background); }
.head { font-weight: bold; }
.left > .head { position: static; flex: none; cursor: default; border-bottom: 1px solid var(--vscode-panel-border, #8888); }
.end { flex: 0 0 68px; }
.ramp { max-width: 640px; height: 8px; border: 1px solid var(--vscode-contrastBorder, var(--vscode-panel-border, #8888));
  background: linear-gradient(to right, var(--vscode-charts-blue), var(--vscode-editor-background), var(--vscode-charts-orange)); }
`
