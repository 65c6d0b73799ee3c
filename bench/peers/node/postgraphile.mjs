// PostGraphile 5 over the tables of one environment: it plans its own SQL, so it answers with the same rows and as many
// fields, not with the same words (no percentages, which are computed in our code).

import { createServer } from 'node:http'
import { grafserv } from 'postgraphile/grafserv/node'
import { makePgService } from 'postgraphile/adaptors/pg'
import { postgraphile } from 'postgraphile'
import { PostGraphileAmberPreset } from 'postgraphile/presets/amber'

const facts = JSON.parse(process.env.OPSCOM_BENCH)
const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [makePgService({ connectionString: facts.owner, schemas: [facts.schema] })],
  grafserv: { graphqlPath: '/graphql', graphiql: false },
  grafast: { explain: false },
}
const server = createServer()
const serving = postgraphile(preset).createServ(grafserv)
await serving.addTo(server)
server.listen({ port: facts.port, host: '127.0.0.1', backlog: 4096 })
process.on('SIGTERM', () => process.exit(0))
