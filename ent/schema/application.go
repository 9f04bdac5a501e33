package schema

import (
	"entgo.io/contrib/entgql"
	"entgo.io/ent"
	"entgo.io/ent/schema"
	"entgo.io/ent/schema/field"
)

// Application is an external program, such as a portal, that acts for users.
type Application struct{ ent.Schema }

// Mixin of the Application.
func (Application) Mixin() []ent.Mixin { return []ent.Mixin{row{}} }

// Annotations of the Application: GraphQL cannot find it.
func (Application) Annotations() []schema.Annotation {
	return []schema.Annotation{entgql.Skip(entgql.SkipAll)}
}

// Fields of the Application.
func (Application) Fields() []ent.Field {
	return []ent.Field{
		field.String("name").NotEmpty().MaxLen(400).Comment("Free text of at most 100 characters."),
		field.String("client_id").Unique().NotEmpty().MaxLen(64).Immutable(),
		field.Bytes("secret_hash").MaxLen(32).Sensitive(),
		field.Int("secret_generation").Default(1).
			Comment("Rises with each new secret. A token names the generation for which it was issued."),
		field.Bytes("previous_secret_hash").MaxLen(32).Optional().Sensitive(),
		field.Time("previous_secret_ends_at").Optional().Nillable().
			Comment("The end of the previous secret."),
		field.Strings("scopes"),
		field.Strings("email_domains").
			Comment("The e-mail domains of the users that it may act for, in lower-case ASCII; * for all."),
		field.Bool("active").Default(true),
		field.Time("last_used_at").Optional().Nillable().
			Comment("When it last got a token."),
	}
}
