package runner

import "maestro.internal/agent/internal/spool"

// ToSpool records a run in the spool.
func ToSpool(run *spool.Run) Recorder { return &spooled{run: run, writers: map[int]*spool.Writer{}} }

type spooled struct {
	run     *spool.Run
	writers map[int]*spool.Writer
}

func (s *spooled) Plan(plan spool.RunPlan) error { return s.run.SetPlan(plan) }

func (s *spooled) writer(scope int) *spool.Writer {
	w := s.writers[scope]
	if w == nil {
		w = s.run.Capture(scope)
		s.writers[scope] = w
	}
	return w
}

func (s *spooled) Items(scope int, items []spool.Item) error { return s.writer(scope).Append(items) }

func (s *spooled) Done(scope int, end spool.CaptureEnd) error {
	w := s.writer(scope)
	delete(s.writers, scope)
	return w.Finish(end)
}

func (s *spooled) End(end spool.RunEnd) error { return s.run.End(end) }
