// node client.mjs CLIENT URL QUERY SUBSCRIPTION COUNT: one client library does a query, then watches until it has COUNT
// states. Prints {"query": result}, then {"state": result} for each, then {"done": true}, a line of JSON each.
import { ApolloClient, HttpLink, InMemoryCache, gql } from '@apollo/client'
import { GraphQLWsLink } from '@apollo/client/link/subscriptions'
import { Client, fetchExchange, subscriptionExchange } from '@urql/core'
import { createClient as createSseClient } from 'graphql-sse'
import { createClient as createWsClient } from 'graphql-ws'
import WebSocket from 'ws'

const [, , library, url, query, subscription, count] = process.argv
const socketUrl = url.replace(/^http/, 'ws')
const print = (line) => console.log(JSON.stringify(line))

const overSocket = () => createWsClient({ url: socketUrl, webSocketImpl: WebSocket, retryAttempts: 0, lazy: true })

async function iterated(client) {
  for await (const result of client.iterate({ query })) print({ query: result })
  let seen = 0
  for await (const result of client.iterate({ query: subscription })) {
    print({ state: result })
    if (++seen === Number(count)) break
  }
  client.dispose()
}

function watched(subscribe) {
  return new Promise((resolve, reject) => {
    let seen = 0
    const ending = subscribe((result) => {
      print({ state: result })
      if (++seen === Number(count)) resolve(ending)
    }, reject)
  })
}

async function urql(exchanges, options = {}) {
  const client = new Client({ url, preferGetMethod: false, exchanges, ...options })
  const { data, error } = await client.query(query, {}).toPromise()
  if (error) throw error
  print({ query: { data } })
  const ending = await watched((next, fail) =>
    client.subscription(subscription, {}).subscribe((result) => (result.error ? fail(result.error) : next({ data: result.data }))),
  )
  ending.unsubscribe()
}

const clients = {
  'graphql-ws': () => iterated(overSocket()),
  'graphql-sse': () => iterated(createSseClient({ url, retryAttempts: 0 })),
  'urql-ws': () => {
    const socket = overSocket()
    const forward = (request) => ({ subscribe: (sink) => ({ unsubscribe: socket.subscribe(request, sink) }) })
    return urql([fetchExchange, subscriptionExchange({ forwardSubscription: forward })])
  },
  'urql-sse': () => urql([fetchExchange], { fetchSubscriptions: true }),
  apollo: async () => {
    const cache = new InMemoryCache()
    const http = new ApolloClient({ cache, link: new HttpLink({ uri: url }) })
    print({ query: { data: (await http.query({ query: gql(query) })).data } })
    const live = new ApolloClient({ cache: new InMemoryCache(), link: new GraphQLWsLink(overSocket()) })
    const ending = await watched((next, fail) =>
      live.subscribe({ query: gql(subscription), fetchPolicy: 'no-cache' }).subscribe({ next: ({ data }) => next({ data }), error: fail }),
    )
    ending.unsubscribe()
  },
}

await clients[library]()
print({ done: true })
process.exit(0)
