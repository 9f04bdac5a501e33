package graph

import (
	"slices"
	"strings"

	"foyer/ent/roomaccess"
	"foyer/ent/schema"
	"foyer/graph/generated"
	"foyer/internal/livekit"
)

// roleOf returns the role in a participant's attributes; nil without one.
func roleOf(p *livekit.Participant) *roomaccess.Role {
	role := roomaccess.Role(strings.ToUpper(p.Role()))
	if roomaccess.RoleValidator(role) != nil {
		return nil
	}
	return &role
}

// attributesOf returns a participant's attributes, sorted by name.
func attributesOf(p *livekit.Participant) []*generated.ParticipantAttribute {
	list := make([]*generated.ParticipantAttribute, 0, len(p.Attributes))
	for name, value := range p.Attributes {
		if value == "" {
			continue // LiveKit treats it as absent
		}
		list = append(list, &generated.ParticipantAttribute{Name: name, Value: value})
	}
	slices.SortFunc(list, func(a, b *generated.ParticipantAttribute) int {
		return strings.Compare(a.Name, b.Name)
	})
	return list
}

func sourcesOf(names []string) []schema.PublishSource {
	sources := make([]schema.PublishSource, len(names))
	for i, name := range names {
		sources[i] = schema.PublishSource(name)
	}
	return sources
}

// sourceOf returns a track's source; nil when LiveKit does not know it.
func sourceOf(t *livekit.Track) *schema.PublishSource {
	source := schema.PublishSource(t.Source)
	if source == "unknown" {
		return nil
	}
	return &source
}

// orNone returns a text; nil when it is empty.
func orNone(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// scaled returns a number in a larger unit; nil for nil.
func scaled(n *int64, unit float64) *float64 {
	if n == nil {
		return nil
	}
	larger := float64(*n) / unit
	return &larger
}
