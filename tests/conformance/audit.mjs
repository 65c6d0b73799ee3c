// node audit.mjs URL: the 61 published audits of GraphQL over HTTP; prints {total, ok, failed: [...]} as JSON.
import { serverAudits } from 'graphql-http'

const audits = serverAudits({ url: process.argv[2], fetchFn: fetch })
const failed = []
for (const audit of audits) {
  const { status, reason } = await audit.fn()
  if (status !== 'ok') failed.push({ id: audit.id, name: audit.name, status, reason })
}
console.log(JSON.stringify({ total: audits.length, ok: audits.length - failed.length, failed }))
