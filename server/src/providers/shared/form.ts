/** A multipart form as bytes for the outbound port, with its content type. */
export async function encodeForm(
  fields: Readonly<Record<string, string>>,
  files: readonly { name: string; fileName?: string; bytes: Uint8Array; mediaType: string }[],
): Promise<{ body: Uint8Array; contentType: string }> {
  const form = new FormData()
  for (const [name, value] of Object.entries(fields)) form.append(name, value)
  for (const { name, fileName, bytes, mediaType } of files) {
    const file = new Blob([Uint8Array.from(bytes)], { type: mediaType })
    form.append(name, file, fileName ?? `${name.replaceAll(/\W/g, '')}.${mediaType.split('/')[1] ?? 'png'}`)
  }
  const encoded = new Response(form)
  return {
    body: new Uint8Array(await encoded.arrayBuffer()),
    contentType: encoded.headers.get('content-type') ?? 'multipart/form-data',
  }
}
