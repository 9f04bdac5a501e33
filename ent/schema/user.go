package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// User is a person with an account.
type User struct{ ent.Schema }

// Mixin of the User.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("subject").Unique().NotEmpty().MaxLen(255).Immutable().
			Comment("Who he is to the identity provider (the OIDC claim sub)."),
		field.String("email").MaxLen(254).Default("").Comment("Lower case; empty when unknown."),
		field.String("full_name").MaxLen(800).Default("").Comment("Free text of at most 200 characters."),
		field.String("short_name").MaxLen(100).Default(""),
		field.String("time_zone").MaxLen(64).Default("UTC").Comment("IANA name."),
		field.String("language").MaxLen(35).Default("en").Comment("BCP 47 tag."),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{edge.To("accesses", RoomAccess.Type)}
}

// Indexes of the User.
func (User) Indexes() []ent.Index { return []ent.Index{index.Fields("email")} }
