/**
 * The page of a viewer. It may run its own script and nothing else: no style sheet, image, font or request is allowed; colours
 * and sizes are set by the script through the object model.
 * @param nonce new for every page
 */
export const viewerPage = (script: string, nonce: string, language: string): string => `<!DOCTYPE html>
<html lang="${attribute(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'nonce-${attribute(nonce)}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width">
<title>Sinter</title>
</head>
<body>
<main id="view"></main>
<script nonce="${attribute(nonce)}" src="${attribute(script)}"></script>
</body>
</html>
`

const attribute = (text: string): string => text.replace(/[&"<>]/g, found => `&#${found.charCodeAt(0)};`)
