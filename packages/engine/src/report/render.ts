/**
 * A report as one HTML page that needs nothing else: no network, no script; the charts are SVG. The plotting library is
 * loaded only here: it takes a fifth of a second, which no other command should pay.
 * @param json what `report.json` holds
 * @throws TypeError when it is not a report, with the places
 */
export async function renderReport(json: unknown): Promise<string> {
  const { renderPage } = await import('./page.ts')
  return renderPage(json)
}
