// Preloaded with `node --import`: every *.localhost name means this machine, as in browsers. Node asks the system instead.
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'

const lookup = dns.lookup
dns.lookup = (name, options, callback) => {
  const [settings, done] = typeof options === 'function' ? [{}, options] : [options, callback]
  return lookup(name.endsWith('.localhost') ? '127.0.0.1' : name, typeof settings === 'number' ? { family: settings } : settings, done)
}
syncBuiltinESMExports()
