package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/edge"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
)

// User is a person with an account. An account without a subject is provisional: somebody gave a role to its e-mail
// address, and the person has not signed in yet. Their first sign-in completes the account.
type User struct{ ent.Schema }

// Mixin of the User.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Fields of the User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.String("subject").Unique().Optional().Nillable().NotEmpty().MaxLen(255).
			Comment("The identity provider's id of the person (the OIDC claim sub); null for a provisional account."),
		field.String("email").MaxLen(254).Default("").Comment("In lower case; empty for unknown."),
		field.Bool("email_verified").Default(false).
			Comment("Whether the identity provider vouches for the e-mail address."),
		field.String("full_name").MaxLen(800).Default("").Comment("Free text of at most 200 characters."),
		field.String("short_name").MaxLen(400).Default("").Comment("Free text of at most 100 characters."),
		field.String("display_name").MaxLen(256).Optional().Nillable().
			Comment("The name that the user chose for meetings; null for the name of the account."),
		field.String("time_zone").MaxLen(64).Default("UTC").Comment("IANA name."),
		field.String("language").MaxLen(35).Default("en").Comment("BCP 47 tag."),

		field.Enum("default_access_level").Values("PUBLIC", "TRUSTED", "RESTRICTED").
			Optional().Nillable().
			Comment("The fields from here are defaults of the user's new rooms; null for the server's."),
		field.JSON("default_publish_sources", []PublishSource{}).Optional(),
		field.Bool("default_everyone_can_mute").Optional().Nillable(),
		field.Bool("default_data_allowed").Optional().Nillable(),
	}
}

// Edges of the User.
func (User) Edges() []ent.Edge {
	return []ent.Edge{
		edge.To("accesses", RoomAccess.Type).Annotations(uncollected),
		edge.To("recording_accesses", RecordingAccess.Type).Annotations(uncollected),
	}
}

// Indexes of the User.
func (User) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("email"),
		index.Fields("email").Unique().StorageKey("user_provisional_email").
			Annotations(entsql.IndexWhere("subject IS NULL")),
	}
}
