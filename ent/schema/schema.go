// Package schema describes what Foyer stores: each type here becomes a table.
package schema

import (
	"time"

	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/mixin"
	"github.com/google/uuid"
)

// uncollected stops entgql from loading an edge because a query selects a field of its name. The rules decide what is
// loaded, and for whom.
var uncollected = entgql.Skip(entgql.SkipType)

// row has the columns of every table: a random id (UUID v4), and when the row was created and last changed.
type row struct{ mixin.Schema }

func (row) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Default(uuid.New).Immutable(),
		field.Time("created_at").Default(time.Now).Immutable().
			Annotations(entgql.OrderField("CREATED_AT")),
		field.Time("updated_at").Default(time.Now).UpdateDefault(time.Now),
	}
}
