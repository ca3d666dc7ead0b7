// First the language, then everything that has texts.
import { start } from './texts/language'

void start().then(() => import('./app'))
