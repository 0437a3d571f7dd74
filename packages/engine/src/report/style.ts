import { darkSeries, lightSeries } from './palette.ts'

/** The page's looks: fonts of the system, light and dark, one column on a phone and two on a desk. */
export const style: string = `
:root { color-scheme: light dark; --page: #fdfdfc; --ink: #1c1e21; --soft: #5d636b; --line: #dcdfe3; --card: #f4f5f6; ${lightSeries} }
@media (prefers-color-scheme: dark) {
  :root { --page: #15171a; --ink: #e6e8ea; --soft: #9aa1a9; --line: #33383e; --card: #1e2125; ${darkSeries} }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 20px 16px 60px; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.2rem; margin: 2.4rem 0 .8rem; }
h3 { font-size: 1rem; margin: 0 0 .4rem; }
.soft, figcaption { color: var(--soft); font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 1.4rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border-radius: 8px; padding: 12px 14px; }
.tiles b { display: block; white-space: nowrap; font-size: 1.1rem; line-height: 1.3; }
.tiles span { display: block; color: var(--soft); font-size: .875rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr)); gap: 28px; }
figure { margin: 0; min-width: 0; }
figure svg { width: 100%; height: auto; font-size: 12px; font-family: inherit; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 0 0 6px; padding: 0; list-style: none; font-size: .8125rem; color: var(--soft); }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums; overflow-wrap: normal; }
th, td { padding: 5px 10px 5px 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
th { color: var(--soft); font-weight: 500; }
td:last-child { min-width: 11em; }
.number { text-align: right; }
details { border-top: 1px solid var(--line); padding: 10px 0; }
summary { cursor: pointer; font-weight: 500; }
pre, .text { white-space: pre-wrap; font-size: .875rem; background: var(--card); border-radius: 8px; padding: 10px 12px; margin: 6px 0 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 300px), 1fr)); gap: 12px; margin-bottom: 24px; }
.prompt { font-weight: 500; margin: 0 0 8px; }
`
