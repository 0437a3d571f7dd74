/** What keeps the workbench still and off the network. */
export const quietSettings: Readonly<Record<string, unknown>> = {
  'workbench.startupEditor': 'none',
  'telemetry.telemetryLevel': 'off',
  'update.mode': 'none',
  'extensions.autoCheckUpdates': false,
  'extensions.autoUpdate': false,
  'workbench.enableExperiments': false,
  'workbench.tips.enabled': false,
  'workbench.secondarySideBar.defaultVisibility': 'hidden',
  'chat.disableAIFeatures': true,
  'files.simpleDialog.enable': true,
}

/** Names as the list of themes shows them, and the classes that the workbench and the bodies of webviews then have. */
export const themes = {
  light: { label: 'Light Modern', shown: '.vs', within: '.vscode-light' },
  contrast: { label: 'Dark High Contrast', shown: '.hc-black', within: '.vscode-high-contrast' },
  dark: { label: 'Dark Modern', shown: '.vs-dark', within: '.vscode-dark' },
} as const

export type Theme = keyof typeof themes
