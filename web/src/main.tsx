// First what the page will ask, then the language, then everything that has texts.
import { askEarly } from './api/early'
import { start } from './texts/language'

void askEarly(location)
void start().then(() => import('./app'))
