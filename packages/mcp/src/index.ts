export { type Places, placesIn } from './places.ts'
export { createServer, type ServeOptions, serve } from './server.ts'
