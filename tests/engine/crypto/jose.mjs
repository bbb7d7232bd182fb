// The other side of the envelope, by the npm package jose: reads a task from standard input, writes what it made.
import { CompactEncrypt, GeneralEncrypt, compactDecrypt, generateKeyPair, importJWK } from 'jose'

let text = ''
for await (const part of process.stdin) text += part
const task = JSON.parse(text)
const bytes = new TextEncoder()
const alg = 'ECDH-ES+A256KW'
const enc = 'A256GCM'
const key = await importJWK(task.key, alg)

async function seal (plaintext) {
  return new CompactEncrypt(plaintext).setProtectedHeader({ alg, enc, kid: task.key.kid }).encrypt(key)
}

async function sealToSeveral (plaintext) {
  const other = await generateKeyPair(alg, { crv: task.key.crv })
  const sealed = new GeneralEncrypt(plaintext).setProtectedHeader({ enc })
  sealed.addRecipient(other.publicKey).setUnprotectedHeader({ alg, kid: 'other' })
  sealed.addRecipient(key).setUnprotectedHeader({ alg, kid: task.key.kid })
  return JSON.stringify(await sealed.encrypt())
}

async function definition () {
  const dek = crypto.getRandomValues(new Uint8Array(32))
  const header = { alg: 'dir', enc, cty: 'application/yaml' }
  const encryptedData = await new CompactEncrypt(bytes.encode(task.text)).setProtectedHeader(header).encrypt(dek)
  return { encryptedData, compact: await seal(dek), general: await sealToSeveral(dek) }
}

async function open () {
  const { plaintext } = await compactDecrypt(task.sealed, key)
  return { plaintext: new TextDecoder().decode(plaintext) }
}

process.stdout.write(JSON.stringify(await (task.sealed ? open() : definition())))
