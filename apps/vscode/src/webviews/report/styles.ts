/** Adopted by the script, behind what all pages have. */
export const styles = `
main { padding: 0 12px 24px; max-width: 70em; overflow-x: auto; }
h1 { margin-left: 0; }
h1:focus { outline: none; }
thead th { white-space: nowrap; }
.texts td, .texts th { white-space: pre-wrap; min-width: 12em; padding-bottom: 6px; }
pre { overflow-x: auto; user-select: text; }
.trade-off { display: block; width: 100%; max-width: 640px; }
.axes line { stroke: var(--vscode-panel-border, #8888); stroke-width: 1; }
.axes text { fill: var(--vscode-foreground, CanvasText); font-size: 12px; }
.other { fill: var(--vscode-charts-blue, currentColor); }
.here { fill: var(--vscode-foreground, CanvasText); }
.ring { fill: transparent; stroke: none; }
[aria-selected=true] > .ring { stroke: var(--vscode-foreground, CanvasText); stroke-width: 2; }
[role=option] { cursor: pointer; }
.point { display: block; min-height: 1.4em; }
.bar { fill: var(--vscode-charts-blue, currentColor); }
.measured { display: inline-flex; gap: 6px; align-items: center; }
[hidden] { display: none; }
`
