package armtest

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var ofType = regexp.MustCompile(`type =~ '([^']+)'`)

// graph is Resource Graph for queries of one type. It leaves out what the identity may not read and says nothing of
// it, as the real one does.
func (a *Azure) graph(w http.ResponseWriter, req *http.Request) {
	var question struct {
		Subscriptions []string `json:"subscriptions"`
		Query         string   `json:"query"`
		Options       struct {
			Top       int    `json:"$top"`
			SkipToken string `json:"$skipToken"`
		} `json:"options"`
	}
	found := ofType.FindStringSubmatch("")
	if err := json.NewDecoder(req.Body).Decode(&question); err == nil {
		found = ofType.FindStringSubmatch(question.Query)
	}
	if found == nil || len(question.Subscriptions) == 0 {
		refuse(w, 400, "BadRequest", "Please provide below info when asking for support: the query is broken.")
		return
	}
	typ := strings.ToLower(found[1])
	rows := []json.RawMessage{}
	for _, s := range a.subs {
		for _, id := range question.Subscriptions {
			if strings.EqualFold(id, s.ID) && s.allows(typ+"/read") {
				rows = append(rows, s.graph[typ]...)
			}
		}
	}
	slices.SortFunc(rows, func(a, b json.RawMessage) int { return strings.Compare(idOf(a), idOf(b)) })
	offset, _ := strconv.Atoi(question.Options.SkipToken) // nothing is the beginning
	size := a.GraphPageSize
	if size == 0 {
		size = 100
	}
	offset = min(max(offset, 0), len(rows))
	end := min(offset+size, len(rows))
	answer := map[string]any{"totalRecords": len(rows), "count": end - offset, "data": append([]json.RawMessage{}, rows[offset:end]...), "facets": []any{}, "resultTruncated": "false"}
	if end < len(rows) {
		answer["$skipToken"], answer["resultTruncated"] = strconv.Itoa(end), "true"
	}
	write(w, 200, answer)
}

func idOf(row json.RawMessage) string {
	var r struct {
		ID string `json:"id"`
	}
	_ = json.Unmarshal(row, &r) // Index takes objects
	return r.ID
}
