/** What the manifest says of the viewers. A test holds it to what is registered. */
export const viewerContribution = {
  customEditors: [
    {
      viewType: 'sinter.model',
      displayName: '%editor.model%',
      priority: 'default',
      selector: [{ filenamePattern: '*.safetensors' }, { filenamePattern: '*.gguf' }, { filenamePattern: '*.onnx' }],
    },
    {
      // JSON is text first: who wants to see it as a model says so.
      viewType: 'sinter.modelIndex',
      displayName: '%editor.model%',
      priority: 'option',
      selector: [{ filenamePattern: '*.safetensors.index.json' }],
    },
  ],
  commands: ['sinter.compare'],
} as const

export const COMPARISON_VIEW = 'sinter.modelDifference'
