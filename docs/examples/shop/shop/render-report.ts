/** One payment of the month. */
export interface ReportLine {
  readonly eventId: string
  readonly cents: number
}

/** What a report shows. */
export interface Report {
  readonly account: string
  readonly month: string
  readonly payments: readonly ReportLine[]
}

/** Draws the report as a PDF. The date inside is the month's, so that the same books give the same document. */
export async function renderReport({ account, month, payments }: Report): Promise<Buffer> {
  const { default: PDFDocument } = await import('pdfkit')
  const info = { Title: `Payments of ${account} in ${month}`, CreationDate: new Date(`${month}-01T00:00:00Z`) }
  const page = new PDFDocument({ size: 'A4', margin: 56, info })
  const chunks: Buffer[] = []
  const done = new Promise<void>((resolve, reject) => {
    page.on('data', (chunk: Buffer) => chunks.push(chunk))
    page.on('end', resolve)
    page.on('error', reject)
  })
  page.fontSize(20).text(info.Title)
  page.moveDown().fontSize(10)
  for (const { eventId, cents } of payments) page.text(`${eventId}: ${euros(cents)}`)
  const sum = payments.reduce((total, { cents }) => total + cents, 0)
  page
    .moveDown()
    .fontSize(12)
    .text(`${payments.length} payments, ${euros(sum)}`)
  page.end()
  await done
  return Buffer.concat(chunks)
}

function euros(cents: number): string {
  return `EUR ${(cents / 100).toFixed(2)}`
}
