package rest

import "time"

// StalenessWrite is what administrators write of the rule of silence: all of it.
type StalenessWrite struct {
	SilentAfterSeconds *int64          `json:"silent_after_seconds,omitempty" minimum:"0" maximum:"315360000" doc:"So long may a preferred source say nothing before the sources after it write what it says too; 0 is for ever, absent is what the collector's configuration says"`
	Kinds              []KindStaleness `json:"kinds,omitempty" maxItems:"200" doc:"Kinds for which it is another time"`
	Reason             string          `json:"reason,omitempty" maxLength:"1000"`
}

// KindStaleness is the rule for one kind.
type KindStaleness struct {
	Kind               string `json:"kind" minLength:"1" maxLength:"200"`
	SilentAfterSeconds int64  `json:"silent_after_seconds" minimum:"0" maximum:"315360000"`
}

// Staleness is the rule of silence that counts.
type Staleness struct {
	Version            int64           `json:"version" doc:"0: nobody wrote one"`
	SilentAfterSeconds int64           `json:"silent_after_seconds"`
	DefaultSeconds     int64           `json:"default_seconds" doc:"What the collector's configuration says"`
	Own                bool            `json:"own" doc:"silent_after_seconds was written here and is not the configuration's"`
	Kinds              []KindStaleness `json:"kinds"`
	SavedAt            time.Time       `json:"saved_at,omitzero"`
	SavedBy            string          `json:"saved_by,omitempty"`
	Reason             string          `json:"reason,omitempty"`
}
