-- What the made-up rows are made of: word lists, and choices that depend on nothing but a row's number, so that every load
-- gives the same rows. It lives in a schema of its own, outside the lake.

CREATE SCHEMA generator;

-- A number from 0 to n - 1 out of an md5 text; slots 0 to 7 are independent of each other, n is at most 65,536.
CREATE FUNCTION generator.pick(hash text, slot integer, n integer) RETURNS integer
LANGUAGE sql IMMUTABLE RETURN ('x' || substr(hash, 1 + 4 * slot, 4))::bit(16)::integer % n;

-- The same for large n, out of slots 6 and 7.
CREATE FUNCTION generator.pick_wide(hash text, n bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE RETURN ('x' || substr(hash, 25, 8))::bit(32)::bigint % n;

-- One word of a list.
CREATE FUNCTION generator.word(list text[], hash text, slot integer) RETURNS text
LANGUAGE sql IMMUTABLE RETURN list[1 + generator.pick(hash, slot, cardinality(list))];

CREATE TABLE generator.words (
    first_names text[], last_names text[], streets text[], brands text[], makes text[], payments text[]
);
-- Uncompressed, since each row of the load reads them.
ALTER TABLE generator.words ALTER COLUMN first_names SET STORAGE PLAIN, ALTER COLUMN last_names SET STORAGE PLAIN,
    ALTER COLUMN streets SET STORAGE PLAIN;
INSERT INTO generator.words VALUES (
    '{Aaron,Abigail,Adam,Aisha,Alan,Alicia,Amara,Amy,Andre,Angela,Anita,Anthony,Ben,Beth,Brandon,Brian,Camila,Carl,Carmen,Carol,
Cesar,Chloe,Chris,Claire,Cody,Dana,Daniel,David,Deepa,Diana,Diego,Donna,Dylan,Elena,Eli,Emily,Eric,Esther,Ethan,Eva,Felix,Fiona,
Frank,Gabriel,Gloria,Grace,Grant,Hana,Harold,Hector,Helen,Henry,Hugo,Ian,Ines,Isaac,Ivy,Jack,Jamal,Jane,Jason,Jenna,Joel,Jorge,
Julia,Karen,Keith,Kevin,Kim,Laura,Leo,Lila,Linda,Logan,Lucia,Luke,Mara,Marcus,Maria,Mark,Mei,Miguel,Molly,Nadia,Nathan,Nina,Noah,
Nora,Oliver,Omar,Paige,Paul,Peter,Priya,Quinn,Rachel,Ravi,Rosa,Ruth,Ryan,Samuel,Sara,Sean,Sofia,Stella,Steven,Tara,Theo,Thomas,
Tina,Uma,Victor,Vivian,Walter,Wendy,William,Yara,Yusuf,Zara,Zoe}',
    '{Abbott,Adams,Aguilar,Allen,Alvarez,Anderson,Bailey,Baker,Banks,Barnes,Bell,Bennett,Bishop,Black,Boyd,Brooks,Brown,Bryant,
Burke,Campbell,Carter,Castillo,Chan,Chavez,Chen,Clark,Cole,Collins,Cooper,Cruz,Cunningham,Daniels,Davis,Diaz,Dixon,Doyle,Edwards,
Ellis,Evans,Fisher,Fleming,Flores,Foster,Fox,Garcia,Gibson,Gomez,Graham,Grant,Gray,Green,Griffin,Gupta,Hall,Hansen,Harper,Harris,
Hayes,Henderson,Hernandez,Hill,Howard,Hughes,Hunt,Ibrahim,Ingram,Jackson,Jensen,Jimenez,Johnson,Jones,Kaur,Keller,Kelly,Kim,King,
Knight,Lambert,Larson,Lee,Lewis,Lin,Long,Lopez,Marshall,Martin,Mason,Mendoza,Miller,Mitchell,Moore,Morales,Morgan,Murphy,Murray,
Nelson,Newman,Nguyen,O''Brien,Okafor,Olson,Ortiz,Owens,Park,Patel,Perez,Perry,Peters,Phillips,Porter,Powell,Price,Quinn,Ramirez,
Reed,Reyes,Rice,Rivera,Robinson,Rogers,Ross,Russell,Ryan,Sanchez,Santos,Schmidt,Scott,Shah,Shaw,Silva,Simmons,Singh,Smith,Snyder,
Stone,Sullivan,Taylor,Thomas,Thompson,Torres,Tran,Turner,Vargas,Vega,Walker,Wallace,Walsh,Ward,Watson,Webb,Wells,White,Williams,
Wilson,Wong,Wood,Wright,Young,Zhang,Zimmerman}',
    '{Main St,Oak Ave,Maple Dr,Cedar Ln,Pine St,Elm St,Washington Blvd,Lake Rd,Hill St,Park Ave,River Rd,Church St,Mill Rd,
Sunset Blvd,Highland Ave,Railroad Ave,Jefferson St,Franklin Ave,Union St,Spring St,Meadow Ln,Forest Dr,Valley Rd,Prospect St,
Walnut St,Chestnut St,Birch Ct,Willow Way,Harbor Dr,Canal St,Market St,Front St,Cherry Ln,Lincoln Ave,Madison St,Monroe Dr,
Orchard Rd,Quarry Rd,Ridge Rd,School St,Station Rd,Summit Ave,Aspen Ct,Bayview Dr,Juniper Way,Magnolia Blvd,Poplar St,Vine St}',
    '{Ironbridge,Kestrel,Nordhaven,TrueLine,Redwood Motor,Halcyon,Summit Drive,Vantera,Blue Anvil,Corvane,Meridian,Stillwater}',
    '{Ford,Chevrolet,Toyota,Honda,Nissan,Jeep,Subaru,Hyundai,Kia,Mazda,Volkswagen,BMW,Ram,GMC}',
    '{Credit Card,Credit Card,Credit Card,Debit Card,Debit Card,Cash,Account,Check,Bank Transfer}'
);
-- The 59 states, territories and associated states with postal codes, three places each; a larger weight draws more customers.
CREATE TABLE generator.state (n integer PRIMARY KEY, code text, weight integer, cities text[], zips text[]);
INSERT INTO generator.state
SELECT row_number() OVER (ORDER BY code COLLATE "C"), code, weight, cities::text[], zips::text[]
FROM (VALUES
    ('AL', 3, '{Birmingham,Montgomery,Huntsville}', '{352,361,358}'), ('AK', 1, '{Anchorage,Fairbanks,Juneau}', '{995,997,998}'),
    ('AZ', 4, '{Phoenix,Tucson,Mesa}', '{850,857,852}'), ('AR', 2, '{Little Rock,Fort Smith,Jonesboro}', '{722,729,724}'),
    ('CA', 16, '{Los Angeles,San Diego,Sacramento}', '{900,921,958}'), ('CO', 4, '{Denver,Boulder,Pueblo}', '{802,803,810}'),
    ('CT', 2, '{Hartford,New Haven,Stamford}', '{061,065,069}'), ('DE', 1, '{Wilmington,Dover,Newark}', '{198,199,197}'),
    ('DC', 1, '{Washington,Washington,Washington}', '{200,200,200}'), ('FL', 10, '{Miami,Orlando,Tampa}', '{331,328,336}'),
    ('GA', 5, '{Atlanta,Savannah,Augusta}', '{303,314,309}'), ('HI', 1, '{Honolulu,Hilo,Kailua}', '{968,967,967}'),
    ('ID', 1, '{Boise,Idaho Falls,Pocatello}', '{837,834,832}'), ('IL', 6, '{Chicago,Springfield,Peoria}', '{606,627,616}'),
    ('IN', 3, '{Indianapolis,Fort Wayne,Evansville}', '{462,468,477}'),
    ('IA', 2, '{Des Moines,Cedar Rapids,Davenport}', '{503,524,528}'),
    ('KS', 2, '{Wichita,Topeka,Lawrence}', '{672,666,660}'), ('KY', 2, '{Louisville,Lexington,Bowling Green}', '{402,405,421}'),
    ('LA', 2, '{New Orleans,Baton Rouge,Shreveport}', '{701,708,711}'), ('ME', 1, '{Portland,Bangor,Augusta}', '{041,044,043}'),
    ('MD', 3, '{Baltimore,Annapolis,Frederick}', '{212,214,217}'), ('MA', 3, '{Boston,Worcester,Springfield}', '{021,016,011}'),
    ('MI', 5, '{Detroit,Grand Rapids,Lansing}', '{482,495,489}'), ('MN', 3, '{Minneapolis,Duluth,Rochester}', '{554,558,559}'),
    ('MS', 2, '{Jackson,Gulfport,Tupelo}', '{392,395,388}'), ('MO', 3, '{Kansas City,Saint Louis,Columbia}', '{641,631,652}'),
    ('MT', 1, '{Billings,Missoula,Helena}', '{591,598,596}'), ('NE', 1, '{Omaha,Lincoln,Grand Island}', '{681,685,688}'),
    ('NV', 2, '{Las Vegas,Reno,Elko}', '{891,895,898}'), ('NH', 1, '{Manchester,Concord,Nashua}', '{031,033,030}'),
    ('NJ', 4, '{Newark,Trenton,Camden}', '{071,086,081}'), ('NM', 1, '{Albuquerque,Santa Fe,Las Cruces}', '{871,875,880}'),
    ('NY', 9, '{New York,Buffalo,Albany}', '{100,142,122}'), ('NC', 5, '{Charlotte,Raleigh,Asheville}', '{282,276,288}'),
    ('ND', 1, '{Fargo,Bismarck,Minot}', '{581,585,587}'), ('OH', 5, '{Columbus,Cleveland,Toledo}', '{432,441,436}'),
    ('OK', 2, '{Oklahoma City,Tulsa,Lawton}', '{731,741,735}'), ('OR', 2, '{Portland,Salem,Eugene}', '{972,973,974}'),
    ('PA', 6, '{Philadelphia,Pittsburgh,Erie}', '{191,152,165}'), ('RI', 1, '{Providence,Warwick,Newport}', '{029,028,028}'),
    ('SC', 3, '{Columbia,Charleston,Greenville}', '{292,294,296}'), ('SD', 1, '{Sioux Falls,Rapid City,Pierre}', '{571,577,575}'),
    ('TN', 3, '{Nashville,Memphis,Knoxville}', '{372,381,379}'), ('TX', 14, '{Houston,Dallas,Austin}', '{770,752,787}'),
    ('UT', 2, '{Salt Lake City,Provo,Ogden}', '{841,846,844}'), ('VT', 1, '{Burlington,Montpelier,Rutland}', '{054,056,057}'),
    ('VA', 4, '{Richmond,Norfolk,Roanoke}', '{232,235,240}'), ('WA', 4, '{Seattle,Spokane,Tacoma}', '{981,992,984}'),
    ('WV', 1, '{Charleston,Huntington,Morgantown}', '{253,257,265}'), ('WI', 3, '{Milwaukee,Madison,Green Bay}', '{532,537,543}'),
    ('WY', 1, '{Cheyenne,Casper,Laramie}', '{820,826,820}'), ('AS', 1, '{Pago Pago,Tafuna,Leone}', '{967,967,967}'),
    ('GU', 1, '{Hagatna,Dededo,Tamuning}', '{969,969,969}'), ('MP', 1, '{Saipan,Tinian,Rota}', '{969,969,969}'),
    ('PR', 2, '{San Juan,Ponce,Mayaguez}', '{009,007,006}'),
    ('VI', 1, '{Charlotte Amalie,Christiansted,Frederiksted}', '{008,008,008}'),
    ('FM', 1, '{Palikir,Weno,Tofol}', '{969,969,969}'), ('MH', 1, '{Majuro,Ebeye,Jaluit}', '{969,969,969}'),
    ('PW', 1, '{Koror,Airai,Melekeok}', '{969,969,969}')
) AS s (code, weight, cities, zips);

-- One row for each unit of weight: a customer lives at the place that a uniform choice among them draws.
CREATE TABLE generator.place (n integer PRIMARY KEY, state text, city text, zip text);
INSERT INTO generator.place
SELECT row_number() OVER (ORDER BY s.n, city_number, copy), s.code, s.cities[city_number], s.zips[city_number]
FROM generator.state s, generate_series(1, 3) AS city_number, generate_series(1, s.weight) AS copy;

-- A value as it stands in a CSV file; in quotes where it has to be.
CREATE FUNCTION generator.field(value text) RETURNS text
LANGUAGE sql IMMUTABLE RETURN CASE WHEN value ~ '[",;\r\n]' THEN '"' || replace(value, '"', '""') || '"' ELSE value END;

-- Customers 1 to n. The first 59 live in 59 states, the others where the weights draw them.
CREATE FUNCTION generator.customers(n bigint) RETURNS SETOF customers
LANGUAGE sql STABLE AS $$
    SELECT i::integer, first_name, last_name,
           lower(replace(first_name || '.' || last_name, '''', '')) || i
               || '@example.' || (ARRAY['com', 'net', 'org'])[1 + generator.pick(h, 2, 3)],
           CASE WHEN generator.pick(h, 3, 12) > 0 THEN format('(%s) 555-01%s', 201 + generator.pick(h, 3, 780),
                                                              lpad(generator.pick(h, 4, 100)::text, 2, '0')) END,
           CASE WHEN generator.pick(h, 4, 40) > 0
                THEN (1 + generator.pick(h, 5, 9800)) || ' ' || generator.word(w.streets, h, 6) END,
           place.city, place.state, place.zip || lpad(generator.pick(h, 7, 100)::text, 2, '0'),
           CASE WHEN generator.pick(h, 5, 7) > 0 THEN date '1945-03-01' + generator.pick(h, 2, 22000) END,
           (ARRAY[true, true, false, NULL])[1 + generator.pick(h, 7, 4)],
           CASE WHEN generator.pick(h, 6, 3) > 0 THEN jsonb_build_object(
               'contact', (ARRAY['email', 'phone', 'text'])[1 + generator.pick(h, 5, 3)],
               'makes', jsonb_build_array(generator.word(w.makes, h, 3)),
               'reminders', generator.pick(h, 4, 2) = 0) END,
           created_at, created_at
    FROM generator.words w, generate_series(1, n) AS i
    CROSS JOIN LATERAL (SELECT md5('customer:' || i) OFFSET 0) AS hashed (h) -- OFFSET 0: hash once, not at each use
    CROSS JOIN LATERAL (
        SELECT generator.word(w.first_names, h, 0), generator.word(w.last_names, h, 1),
               timestamptz '2025-06-30 12:00:00+00' - generator.pick_wide(h, 157680000) * interval '1 second' OFFSET 0
    ) AS made (first_name, last_name, created_at)
    JOIN generator.place place ON place.n = CASE WHEN i <= 59
        THEN (SELECT min(p.n) FROM generator.place p JOIN generator.state s ON s.code = p.state WHERE s.n = i)
        ELSE 1 + generator.pick_wide(md5('place:' || i), (SELECT count(*) FROM generator.place)) END
$$;
