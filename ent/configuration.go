package ent

import (
	"slices"

	"github.com/99designs/gqlgen/graphql"

	"foyer/ent/schema"
)

// ConfigurationInput is a change of a room's configuration. A field that is nil or not set stays as it is.
type ConfigurationInput struct {
	// PublishSources are the sources that guests and members may publish. An empty list allows none; null restores the
	// server's defaults.
	PublishSources  graphql.Omittable[[]schema.PublishSource]
	EveryoneCanMute *bool
	DataAllowed     *bool
}

// Configure changes a room's configuration; nil changes nothing.
func (m *RoomMutation) Configure(c *ConfigurationInput) {
	if c == nil {
		return
	}
	if sources, set := c.PublishSources.ValueOK(); set && sources == nil {
		m.ClearPublishSources()
	} else if set {
		m.SetPublishSources(normal(sources))
	}
	if c.EveryoneCanMute != nil {
		m.SetEveryoneCanMute(*c.EveryoneCanMute)
	}
	if c.DataAllowed != nil {
		m.SetDataAllowed(*c.DataAllowed)
	}
}

// ConfigureDefaults changes the configuration of a user's new rooms.
func (m *UserMutation) ConfigureDefaults(c *ConfigurationInput) {
	if sources, set := c.PublishSources.ValueOK(); set && sources == nil {
		m.ClearDefaultPublishSources()
	} else if set {
		m.SetDefaultPublishSources(normal(sources))
	}
	if c.EveryoneCanMute != nil {
		m.SetDefaultEveryoneCanMute(*c.EveryoneCanMute)
	}
	if c.DataAllowed != nil {
		m.SetDefaultDataAllowed(*c.DataAllowed)
	}
}

// normal returns the sources sorted and without repetition, never nil.
func normal(sources []schema.PublishSource) []schema.PublishSource {
	sources = append([]schema.PublishSource{}, sources...)
	slices.Sort(sources)
	return slices.Compact(sources)
}
