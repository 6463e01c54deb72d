import { hostileAiCreator } from './ai-creator.ts'
import { testHostileClients } from './suite.ts'

testHostileClients(hostileAiCreator)
