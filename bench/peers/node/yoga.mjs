// graphql-yoga over the same database: the map query, and the live map by WebSocket (graphql-ws) and SSE.
//
// Its facts come as JSON in OPSCOM_BENCH: the port, the database, the bound transaction and the two statements of the map.
// As kind to it as can be: rows are read once a change for all viewers, parsed documents are cached (Yoga does that by
// itself), resolvers are the default ones over plain objects.

import { createServer } from 'node:http'
import { useServer } from 'graphql-ws/use/ws'
import { createSchema, createYoga } from 'graphql-yoga'
import Redis from 'ioredis'
import pg from 'pg'
import { WebSocketServer } from 'ws'

const facts = JSON.parse(process.env.OPSCOM_BENCH)
const pool = new pg.Pool({ connectionString: facts.database, max: 16 })
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

const typeDefs = /* GraphQL */ `
  enum Source { MISTALL PARKING_LOGIX PERMITS }
  type GroupOccupancy { percentFull: Int source: Source! stale: Boolean! observedAt: String }
  interface MapPin { id: ID! name: String! }
  type LotGroup implements MapPin {
    id: ID! name: String! mapColor: String! latitude: Float longitude: Float occupancy: GroupOccupancy!
  }
  type Occupancy { pins: [MapPin!]! }
  type Query { lotGroups: [LotGroup!]! }
  type Subscription { occupancy: Occupancy! }
`

async function readMap() {
  const client = await pool.connect()
  try {
    const now = new Date()
    await client.query(facts.begin)
    const groups = await client.query({ name: 'groups', text: facts.groups.sql, values: facts.groups.values, rowMode: 'array' })
    const values = facts.lots.values.map((value) => (value === facts.now ? now : value))
    const lots = await client.query({ name: 'lots', text: facts.lots.sql, values, rowMode: 'array' })
    await client.query('commit')
    return shown(groups.rows, lots.rows, now)
  } finally {
    client.release()
  }
}

function shown(groups, lots, now) {
  const maximum = new Map(), left = new Map()
  for (const lot of lots) {
    maximum.set(lot[9], (maximum.get(lot[9]) ?? 0) + lot[8])
    left.set(lot[9], (left.get(lot[9]) ?? 0) + Math.max(0, lot[8] - lot[11]))
  }
  return groups.map((row) => ({
    __typename: 'LotGroup',
    id: Buffer.from(`LotGroup:${facts.tenant}.${row[0].replaceAll('-', '')}`).toString('base64'),
    name: row[1],
    mapColor: row[2],
    latitude: row[3],
    longitude: row[4],
    occupancy: row[9] ? bySensor(row, now) : byPermits(maximum.get(row[0]) ?? 0, left.get(row[0]) ?? 0),
  }))
}

function bySensor(row, now) {
  const capacity = row[10] ?? row[6]
  const occupied = row[11] ?? capacity - row[12]
  const rule = row[9] === 'mistall' ? row[7] : row[8]
  return {
    percentFull: Math.floor((100 * Math.max(0, Math.min(occupied, capacity))) / capacity),
    source: row[9].toUpperCase(),
    stale: row[15] || (now - row[14]) / 1000 > 3 * Number(rule.split(' ')[1]),
    observedAt: row[13].toISOString(),
  }
}

function byPermits(maximum, left) {
  return {
    percentFull: maximum ? Math.floor((100 * (maximum - left)) / maximum) : null,
    source: 'PERMITS', stale: false, observedAt: null,
  }
}

let state = await readMap()
let changed = Promise.withResolvers()
const bus = new Redis(facts.redis)
bus.on('message', async () => {
  state = await readMap()
  const before = changed
  changed = Promise.withResolvers()
  before.resolve()
})
await bus.subscribe(facts.channel)

async function* follow() {
  for (;;) {
    const next = changed.promise
    yield { occupancy: { pins: state } }
    await next
  }
}

const resolvers = {
  Query: { lotGroups: readMap },
  Subscription: { occupancy: { subscribe: follow } },
}
const yoga = createYoga({ schema: createSchema({ typeDefs, resolvers }), logging: false, graphiql: false, landingPage: false })
const server = createServer(yoga)
const sockets = new WebSocketServer({ server, path: '/graphql', perMessageDeflate: false })
useServer(
  {
    execute: (args) => args.rootValue.execute(args),
    subscribe: (args) => args.rootValue.subscribe(args),
    onSubscribe: async (ctx, _id, params) => {
      const { schema, execute, subscribe, contextFactory, parse, validate } = yoga.getEnveloped({
        ...ctx, req: ctx.extra.request, socket: ctx.extra.socket, params,
      })
      const args = {
        schema, operationName: params.operationName, document: parse(params.query), variableValues: params.variables,
        contextValue: await contextFactory(), rootValue: { execute, subscribe },
      }
      const errors = validate(args.schema, args.document)
      return errors.length ? errors : args
    },
  },
  sockets,
)
server.listen({ port: facts.port, host: '127.0.0.1', backlog: 4096 })
process.on('SIGTERM', () => process.exit(0))
