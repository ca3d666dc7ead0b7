package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"

	"maestro.internal/agent/internal/spool"
	"maestro.internal/internal/protocol/uplinkv1"
	"maestro.internal/sdk/resource"
)

// maxPushes is how many connections push side by side.
const maxPushes = 16

// retryError says that the collector could not and wants to be asked again.
type retryError struct {
	after  time.Duration
	reason string
}

func (e *retryError) Error() string {
	return fmt.Sprintf("the collector asks to come again in %s: %s", e.after, e.reason)
}

// pushAll pushes whatever the spool holds, one goroutine and one stream for each connection that has something.
func (s *session) pushAll(ctx context.Context) {
	var pushes sync.WaitGroup
	defer pushes.Wait()
	var mu sync.Mutex
	busy, failures, notBefore := map[string]bool{}, map[string]int{}, map[string]time.Time{}
	ended := make(chan struct{}, 1)
	sp := s.uplink.cfg.Spool
	if s.later > 0 && !sleep(ctx, s.later) {
		return
	}
	for {
		changed := sp.Changed()
		next := time.Minute
		now := time.Now()
		for _, run := range sp.Runs("") {
			connection := run.Info().ConnectionID
			mu.Lock()
			wait := notBefore[connection].Sub(now)
			start := !busy[connection] && len(busy) < maxPushes && wait <= 0
			if start {
				busy[connection] = true
			} else if wait > 0 {
				next = min(next, wait)
			}
			mu.Unlock()
			if !start {
				continue
			}
			pushes.Go(func() {
				err := s.push(ctx, connection)
				mu.Lock()
				defer mu.Unlock()
				delete(busy, connection)
				notBefore[connection] = time.Time{}
				if err != nil && ctx.Err() == nil {
					pause := s.uplink.backoff(failures[connection])
					var retry *retryError
					if errors.As(err, &retry) {
						pause = max(retry.after, pause/10)
					}
					failures[connection]++
					notBefore[connection] = time.Now().Add(pause)
					s.log.Warn("push broke off", "connection", connection, "error", err, "next_try_in", pause.Round(time.Millisecond))
				} else {
					failures[connection] = 0
				}
				select {
				case ended <- struct{}{}:
				default:
				}
			})
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-changed:
		case <-ended:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// push sends the runs of one connection in their order until none is left.
func (s *session) push(ctx context.Context, connection string) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	p := &pusher{session: s, cancel: cancel}
	defer func() { err = errors.Join(err, p.end()) }()
	for {
		runs := s.uplink.cfg.Spool.Runs(connection)
		if len(runs) == 0 {
			return nil
		}
		if err := p.pushRun(ctx, runs[0]); err != nil {
			if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
				return cause
			}
			return plain(err)
		}
	}
}

// pusher is one Push stream. It is opened with the first word.
type pusher struct {
	session *session
	cancel  context.CancelCauseFunc
	stream  grpc.BidiStreamingClient[uplinkv1.PushRequest, uplinkv1.PushResponse]
}

func (p *pusher) send(ctx context.Context, req *uplinkv1.PushRequest) error {
	if p.stream == nil {
		var err error
		if p.stream, err = p.session.client.Push(ctx); err != nil {
			return err
		}
	}
	if err := p.stream.Send(req); err != nil {
		// Send only says that the stream is over; Recv says why.
		if _, rerr := p.recv(ctx); rerr != nil {
			return rerr
		}
		return err
	}
	return nil
}

var errSlow = errors.New("the collector does not answer")

// recv waits for an answer, and as long as the answer asks before more is sent.
func (p *pusher) recv(ctx context.Context) (*uplinkv1.PushResponse, error) {
	watchdog := time.AfterFunc(p.session.uplink.cfg.Pace.Step, func() { p.cancel(errSlow) })
	answer, err := p.stream.Recv()
	watchdog.Stop()
	if err == nil {
		p.session.told.hear(answer)
	}
	if err != nil || answer.GetRetryAfterMs() <= 0 || wantsRetry(answer) {
		return answer, err
	}
	if !sleep(ctx, min(time.Duration(answer.GetRetryAfterMs())*time.Millisecond, time.Minute)) {
		return nil, context.Cause(ctx)
	}
	return answer, nil
}

func wantsRetry(a *uplinkv1.PushResponse) bool {
	const retry = uplinkv1.Verdict_VERDICT_RETRY
	return a.GetRun().GetVerdict() == retry || a.GetCapture().GetVerdict() == retry ||
		a.GetBatch().GetVerdict() == retry || a.GetClose().GetVerdict() == retry
}

func (p *pusher) end() error {
	if p.stream == nil {
		return nil
	}
	return p.stream.CloseSend()
}

// ask sends and waits for the answer.
func (p *pusher) ask(ctx context.Context, req *uplinkv1.PushRequest) (*uplinkv1.PushResponse, error) {
	if err := p.send(ctx, req); err != nil {
		return nil, err
	}
	answer, err := p.recv(ctx)
	if err != nil {
		return nil, err
	}
	return answer, nil
}

func retryOf(answer *uplinkv1.PushResponse, reason string) error {
	return &retryError{after: time.Duration(answer.GetRetryAfterMs()) * time.Millisecond, reason: reason}
}

// pushRun sends one run to its end. A run that goes on is sent as its scopes end, if anything in it changed.
func (p *pusher) pushRun(ctx context.Context, run *spool.Run) error {
	defer run.Pin()()
	r := &runPush{pusher: p, run: run, info: run.Info(), digests: map[int]resource.Digest{}}
	for {
		changed := p.session.uplink.cfg.Spool.Changed()
		over, err := r.step(ctx)
		var damaged *damagedError
		if errors.As(err, &damaged) {
			// The scope counts as failed from now on, and the run is told anew.
			if derr := run.Damaged(damaged.capture, damaged.err); derr != nil {
				return derr
			}
			return fmt.Errorf("push run: %w", err)
		}
		if err != nil || over {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}
