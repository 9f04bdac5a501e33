package ent

import (
	"context"
	"strconv"
	"strings"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"

	"foyer/ent/auditevent"
)

// Record stores events, all or none: CreateBulk in less time, for every decision in a lobby makes one. Who
// stored them does not learn their ids.
func (c *AuditEventClient) Record(ctx context.Context, events []*AuditEvent) error {
	// Ids that rise with time come to lie side by side: random ones would touch a page of the index each.
	args := make([]any, 0, len(events)*len(auditevent.Columns))
	for _, e := range events {
		if err := checkEvent(e); err != nil {
			return err
		}
		args = append(args, uuid.Must(uuid.NewV7()), auditevent.DefaultCreatedAt(),
			auditevent.DefaultUpdatedAt(), e.RoomID, e.Action, e.ActorID, e.ActorName, e.TargetID,
			e.TargetName, e.Detail)
	}
	var result sql.Result
	err := c.driver.Exec(ctx, recordStatement(len(events)), args, &result)
	if sqlgraph.IsConstraintError(err) {
		err = &ConstraintError{msg: err.Error(), wrap: err}
	}
	return err
}

// recordColumns are in the order of Record's arguments.
var recordColumns = []string{
	auditevent.FieldID, auditevent.FieldCreatedAt, auditevent.FieldUpdatedAt, auditevent.FieldRoomID,
	auditevent.FieldAction, auditevent.FieldActorID, auditevent.FieldActorName, auditevent.FieldTargetID,
	auditevent.FieldTargetName, auditevent.FieldDetail,
}

func recordStatement(events int) string {
	var text strings.Builder
	text.WriteString("INSERT INTO " + auditevent.Table + " (" + strings.Join(recordColumns, ", ") + ") VALUES ")
	number := 0
	for i := range events {
		if i > 0 {
			text.WriteString(", ")
		}
		for j := range recordColumns {
			number++
			text.WriteByte("(,"[min(j, 1)])
			text.WriteString("$" + strconv.Itoa(number))
		}
		text.WriteByte(')')
	}
	return text.String()
}

func checkEvent(e *AuditEvent) error {
	for name, err := range map[string]error{
		auditevent.FieldAction:     auditevent.ActionValidator(e.Action),
		auditevent.FieldActorName:  auditevent.ActorNameValidator(e.ActorName),
		auditevent.FieldTargetName: auditevent.TargetNameValidator(e.TargetName),
		auditevent.FieldDetail:     auditevent.DetailValidator(e.Detail),
	} {
		if err != nil {
			return &ValidationError{Name: name, err: err}
		}
	}
	return nil
}
