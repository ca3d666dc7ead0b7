package bulk

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// node is as much of a settings schema as it takes to tell what a cell means.
type node struct {
	Type       any             `json:"type"`
	Properties map[string]node `json:"properties"`
	Items      *node           `json:"items"`
	Secret     bool            `json:"x-maestro-secret"`
}

func (n node) is(name string) bool {
	if list, ok := n.Type.([]any); ok {
		return slices.Contains(list, any(name))
	}
	return n.Type == name
}

// put writes a cell into settings, at a path of names divided by dots.
func put(form node, settings map[string]any, column string, cell any) error {
	at, names := settings, strings.Split(column, ".")
	for i, name := range names {
		inner, known := form.Properties[name]
		if !known {
			return &cellError{column, "is no column of connections, and no setting of this provider"}
		}
		form = inner
		if form.Secret {
			return &cellError{column, "is a secret, which does not belong into a table: seal it afterwards"}
		}
		if i < len(names)-1 {
			next, ok := at[name].(map[string]any)
			if !ok {
				next = map[string]any{}
				at[name] = next
			}
			at = next
			continue
		}
		value, err := form.value(cell)
		if err != nil {
			return &cellError{column, err.Error()}
		}
		at[name] = value
	}
	return nil
}

// value is a cell in the setting's own type. What is not text already came as that type, and the schema looks at it.
func (n node) value(cell any) (any, error) {
	if members, ok := cell.(map[string]any); ok {
		out := map[string]any{}
		for name, v := range members {
			if err := put(n, out, name, v); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	text, ok := cell.(string)
	if !ok {
		return cell, nil
	}
	switch {
	case n.is("string"):
		return text, nil
	case n.is("boolean"):
		switch strings.ToLower(text) {
		case "true", "yes", "on", "1":
			return true, nil
		case "false", "no", "off", "0":
			return false, nil
		}
		return nil, fmt.Errorf("wants yes or no")
	case n.is("integer"), n.is("number"):
		if _, err := strconv.ParseFloat(text, 64); err != nil || !json.Valid([]byte(text)) {
			return nil, fmt.Errorf("wants a number")
		}
		return json.Number(text), nil
	case n.is("array"):
		if strings.HasPrefix(text, "[") {
			break
		}
		list := []any{}
		for part := range strings.SplitSeq(text, ";") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
		return list, nil
	}
	var out any
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("wants JSON")
	}
	return out, nil
}
