package ent

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"foyer/ent/room"
	"foyer/ent/roomaccess"
	"foyer/ent/roomban"
	"foyer/ent/user"
)

// The reads of almost every request are written by hand here, for several requests together. A query builder takes
// longer to build a statement than SQLite takes to run it, and would need three statements for a RoomStanding.

// PersonInRoom identifies a person in a room: by their user id, which is zero for nobody, and by another id.
type PersonInRoom struct{ RoomID, UserID, ID uuid.UUID }

// RoomStanding is a room, and one person's standing in it: their role, and whether they are banned.
type RoomStanding struct {
	Room *Room
	// Role is empty if the person has none.
	Role roomaccess.Role
	// Banned is true if the person may not enter, because of their account or of their id without one.
	Banned bool
}

// Standings returns the standing of each person, in the order of people; nil where the room does not exist.
func (c *RoomClient) Standings(ctx context.Context, people []PersonInRoom) ([]*RoomStanding, error) {
	return find(ctx, c.driver, standingQuery, people, func(p PersonInRoom) []any {
		return []any{p.UserID, p.ID, p.RoomID}
	}, func(scan func(...any) error) (*RoomStanding, error) {
		standing := &RoomStanding{Room: &Room{config: c.config}}
		var role sql.NullString
		err := scanRow(scan, standing.Room, room.Columns, &role, &standing.Banned)
		standing.Role = roomaccess.Role(role.String)
		return standing, err
	})
}

// ByIDs finds rooms in the order of their ids; nil for one that does not exist.
func (c *RoomClient) ByIDs(ctx context.Context, ids []uuid.UUID) ([]*Room, error) {
	return find(ctx, c.driver, roomQuery, ids, single, func(scan func(...any) error) (*Room, error) {
		r := &Room{config: c.config}
		return r, scanRow(scan, r, room.Columns)
	})
}

// ByIDs finds users in the order of their ids; nil for one that does not exist.
func (c *UserClient) ByIDs(ctx context.Context, ids []uuid.UUID) ([]*User, error) {
	return find(ctx, c.driver, userQuery, ids, single, func(scan func(...any) error) (*User, error) {
		u := &User{config: c.config}
		return u, scanRow(scan, u, user.Columns)
	})
}

// scanRow scans columns into a new ent value, and the remaining columns into more.
func scanRow(
	scan func(...any) error, into interface {
		scanValues(columns []string) ([]any, error)
		assignValues(columns []string, values []any) error
	}, columns []string, more ...any,
) error {
	values, err := into.scanValues(columns)
	if err != nil {
		return err
	}
	if err := scan(append(values, more...)...); err != nil {
		return err
	}
	return into.assignValues(columns, values)
}

func single(id uuid.UUID) []any { return []any{id} }

// atOnce is the maximum number of keys in one statement.
const atOnce = 8

// manyQuery holds a query for one key, for two keys, and so on: a UNION of one SELECT for each key, whose first column
// is the number of the key.
type manyQuery [atOnce]string

var (
	roomQuery     = newManyQuery(1, room.Columns, room.Table+" t WHERE t."+room.FieldID+" = $1")
	userQuery     = newManyQuery(1, user.Columns, user.Table+" t WHERE t."+user.FieldID+" = $1")
	standingQuery = newManyQuery(3, room.Columns, room.Table+" t WHERE t."+room.FieldID+" = $3",
		fmt.Sprintf("(SELECT %s FROM %s WHERE %s = $1 AND %s = t.%s)", roomaccess.FieldRole,
			roomaccess.Table, roomaccess.FieldUserID, roomaccess.FieldRoomID, room.FieldID),
		fmt.Sprintf("EXISTS (SELECT 1 FROM %s WHERE %s IN ($1, $2) AND %s = t.%s)", roomban.Table,
			roomban.FieldPersonID, roomban.FieldRoomID, room.FieldID))
)

// newManyQuery builds the statements for a table t. Parameters are numbered in the order in which they appear, as in
// SQLite.
func newManyQuery(parameters int, columns []string, from string, more ...string) (q manyQuery) {
	one := " t." + strings.Join(columns, ", t.")
	for _, expression := range more {
		one += ", " + expression
	}
	one += " FROM " + from
	text := ""
	for i := range q {
		var numbers []string
		for p := parameters; p > 0; p-- {
			numbers = append(numbers, "$"+strconv.Itoa(p), "$"+strconv.Itoa(i*parameters+p))
		}
		text += "SELECT " + strconv.Itoa(i) + "," + strings.NewReplacer(numbers...).Replace(one)
		q[i] = text
		text += " UNION ALL "
	}
	return q
}

// find runs a query for keys and scans the rows.
func find[K, V any](
	ctx context.Context, db dialect.Driver, query manyQuery, keys []K, parameters func(K) []any,
	read func(scan func(...any) error) (*V, error),
) ([]*V, error) {
	found := make([]*V, len(keys))
	for begin := 0; begin < len(keys); begin += atOnce {
		some := keys[begin:min(begin+atOnce, len(keys))]
		var args []any
		for _, key := range some {
			args = append(args, parameters(key)...)
		}
		if err := findSome(ctx, db, query[len(some)-1], args, found[begin:], read); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func findSome[V any](
	ctx context.Context, db dialect.Driver, query string, args []any, found []*V,
	read func(scan func(...any) error) (*V, error),
) error {
	var rows sql.Rows
	if err := db.Query(ctx, query, args, &rows); err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		i := 0
		one, err := read(func(values ...any) error { return rows.Scan(append([]any{&i}, values...)...) })
		if err != nil {
			return err
		}
		found[i] = one
	}
	return rows.Err()
}
