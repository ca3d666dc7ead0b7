package armtest

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// Fault is something that goes wrong with requests.
type Fault struct {
	// Path is a part of the path, in any case; Query a part of the query. Empty means every request.
	Path, Query string
	// After so many requests that match, for the next Times of them; 0 means for ever.
	After, Times int

	// Status, with Body (an error in Azure's form unless given), Type of content and Header.
	Status     int
	Code       string
	Body, Type string
	RetryAfter int // seconds; -1 is a header of 0
	Header     map[string]string
	// Cut ends the connection in the middle of the answer; Truncate ends the JSON there as if it were whole.
	Cut, Truncate bool
	// Reset ends the connection before the answer.
	Reset bool
	// Redirect leads elsewhere.
	Redirect string
	// Delay before the answer.
	Delay time.Duration

	seen, done int
}

// Inject makes a fault.
func (a *Azure) Inject(f Fault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, &f)
}

// Heal ends all faults.
func (a *Azure) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// due is the fault for a request. The caller holds the lock.
func (a *Azure) due(req *http.Request) *Fault {
	for _, f := range a.faults {
		if !strings.Contains(strings.ToLower(req.URL.Path), strings.ToLower(f.Path)) || !strings.Contains(strings.ToLower(req.URL.RawQuery), strings.ToLower(f.Query)) {
			continue
		}
		if f.seen++; f.seen <= f.After || f.Times > 0 && f.done >= f.Times {
			continue
		}
		f.done++
		return f
	}
	return nil
}

// serve answers with the fault, or says that the real answer is to follow.
func (f *Fault) serve(a *Azure, w http.ResponseWriter, req *http.Request) bool {
	select {
	case <-time.After(f.Delay):
	case <-req.Context().Done():
	}
	for k, v := range f.Header {
		w.Header().Set(k, v)
	}
	switch {
	case f.RetryAfter > 0:
		w.Header().Set("Retry-After", strconv.Itoa(f.RetryAfter))
	case f.RetryAfter < 0:
		w.Header().Set("Retry-After", "0")
	}
	switch {
	case f.Reset:
		panic(http.ErrAbortHandler)
	case f.Cut, f.Truncate:
		whole := httptest.NewRecorder()
		a.answer(whole, req)
		half := whole.Body.Bytes()[:whole.Body.Len()/2]
		w.Header().Set("Content-Type", "application/json")
		if f.Cut {
			w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
		}
		w.WriteHeader(whole.Code)
		_, _ = w.Write(half) // whoever asked may be gone
		if f.Cut {
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		return true
	case f.Redirect != "":
		http.Redirect(w, req, f.Redirect, http.StatusFound)
		return true
	case f.Body != "":
		w.Header().Set("Content-Type", f.Type)
		w.WriteHeader(f.Status)
		_, _ = w.Write([]byte(f.Body)) // whoever asked may be gone
		return true
	case f.Status != 0:
		code := f.Code
		if code == "" {
			code = strings.ReplaceAll(http.StatusText(f.Status), " ", "")
		}
		refuse(w, f.Status, code, "injected")
		return true
	}
	return false
}
