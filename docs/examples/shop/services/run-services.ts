import { EffectBook, type SeenEffect } from './effect-book.ts'
import { startShopServices } from './shop-services.ts'

/** `npm run services`: the outside world in a terminal of its own, for workers started with `switchyard worker`. */
class PrintedBook extends EffectBook {
  override async record(effect: SeenEffect): Promise<boolean> {
    const applied = await super.record(effect)
    console.log(`# ${applied ? 'effect  ' : 'repeated'} ${effect.sink} ${effect.key} from process ${effect.pid}`)
    return applied
  }
}

const services = await startShopServices({ recorder: new PrintedBook() })
console.log('# Paste these lines where you start workers. Ctrl-C ends the services.')
for (const [name, value] of Object.entries(services.env)) console.log(`export ${name}='${value}'`)
process.once('SIGINT', () => void services.close())
process.once('SIGTERM', () => void services.close())
