package ansible

import (
	"fmt"
	"time"
)

// ageLimit says which facts are too old to be believed: those of a machine that Ansible has not reached for long. The
// zero value believes all.
type ageLimit struct {
	days int
	now  time.Time
}

// check is the error of facts that are too old. Those that do not say of when they are pass.
func (l ageLimit) check(f facts) error {
	at := gathered(f.object("ansible_date_time"))
	if l.days <= 0 || at.IsZero() {
		return nil
	}
	if old := l.now.Sub(at); old > time.Duration(l.days)*24*time.Hour {
		return fmt.Errorf("its facts are of %s, %d days ago; the connection takes %d", at.Format(time.DateOnly), int(old.Hours()/24), l.days)
	}
	return nil
}
