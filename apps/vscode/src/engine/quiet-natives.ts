/** Before the library is loaded: it would keep an identity of the device and send what it counts. */
process.env.ORT_DISABLE_TELEMETRY = '1'
