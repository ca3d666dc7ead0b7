// The documents of the REST API under short names. They are generated; nothing here adds to them.
import type { components } from './schema.gen'

type Schemas = components['schemas']

export type Resource = Schemas['Resource']
export type Common = Schemas['Common']
export type Source = Schemas['Source']
export type Observation = Schemas['Observation']
export type RelatedResource = Schemas['RelatedResource']
export type Change = Schemas['Change']
export type FieldChange = Schemas['FieldChange']
export type AuditEntry = Schemas['AuditEntry']
export type Run = Schemas['Run']
export type RunScope = Schemas['RunScope']
export type Outcome = Schemas['Outcome']
export type Agent = Schemas['Agent']
export type Plugin = Schemas['Plugin']
export type JoinToken = Schemas['JoinToken']
export type Connection = Schemas['Connection']
export type ConnectionWrite = Schemas['ConnectionWrite']
export type ConnectionFile = Schemas['ConnectionFile']
export type KindSchedule = Schemas['KindSchedule']
export type MappingRule = Schemas['MappingRule']
export type CheckResult = Schemas['CheckResult']
export type Datacenter = Schemas['Datacenter']
export type DatacenterWrite = Schemas['DatacenterWrite']
export type Prefix = Schemas['Prefix']
export type PrefixAddress = Schemas['PrefixAddress']
export type HeldRemoval = Schemas['HeldRemoval']
export type ResourceHead = Schemas['ResourceHead']
export type ReviewItem = Schemas['ReviewItem']
export type Coverage = Schemas['Coverage']
export type CoverageException = Schemas['CoverageException']
export type Summary = Schemas['Summary']
export type KindInfo = Schemas['KindInfo']
export type FieldRule = Schemas['FieldRule']
export type Mapping = Schemas['Mapping']
export type TagSpelling = Schemas['TagSpelling']
export type TagRequirement = Schemas['TagRequirement']
export type TagCompliance = Schemas['TagCompliance']
export type MappingEffect = Schemas['MappingEffect']
export type OptionList = Schemas['OptionList']
export type CustomField = Schemas['CustomField']
export type Field = Schemas['Field']
export type FilterField = Schemas['FilterField']
export type Session = Schemas['Session']
export type Token = Schemas['Token']
export type Ref = Schemas['Ref']
export type Label = Schemas['Label']
export type ProblemDocument = Schemas['Problem']

/** One page of anything. */
export interface List<T> {
  items: T[]
  next_page_token?: string
  total_size: number
  total_size_is_lower_bound?: boolean
}
