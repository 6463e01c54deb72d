import type { Reply } from '../../http/dialect.ts'
import { route } from '../../http/dialect.ts'
import type { UploadTicket } from '../../kernel/uploads/open-upload.ts'
import { openUpload } from '../../kernel/uploads/open-upload.ts'
import { done, refuse } from './envelope.ts'

/** 五、文件上传: keys with which the front-end's OSS client uploads a picture. */
export const uploadRoutes = [
  route({
    method: 'GET',
    path: '/common/upload/token',
    // The document asks for no token, its neighbours and front-end do (facts/aigentools.md, B12).
    allow: 'user',
    rate: 'write',
    refusals: {
      unavailable: () => refuse(500, 'Failed to get OSS token: the storage service does not answer'),
    },
    run: (context, actor) => openUpload(context, actor),
    reply: (ticket) => presentTicket(ticket),
  }),
]

/** The document's six fields, and where to send to when that is not the region's own address. */
function presentTicket(ticket: UploadTicket): Reply {
  const { accessKeyId, accessKeySecret, securityToken, region, bucket, endpoint } = ticket
  return done('OSS token retrieved successfully', {
    accessKeyId,
    accessKeySecret,
    securityToken,
    // Whole seconds, as Aliyun writes it.
    expiration: ticket.expiresAt.toISOString().replace(/\.\d+Z$/, 'Z'),
    region,
    bucket,
    ...(endpoint !== null && { endpoint }),
  })
}
