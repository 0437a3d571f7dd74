/** Made by the build: manifests of packages, by the path at which they look for them. */
declare module 'sinter:package-files' {
  const manifests: Readonly<Record<string, string>>
  export default manifests
}
