-- The catalogue, the same at every scale: 400 parts (100 kinds in four grades), 110 services in 11 categories, 1,074 mappings.

CREATE TABLE generator.part_kind (n integer PRIMARY KEY, prefix text, category text, name text, base_price numeric(10,2));
INSERT INTO generator.part_kind
SELECT row_number() OVER (ORDER BY category_number, position), prefix, category, btrim(split_part(item, '=', 1)),
       split_part(item, '=', 2)::numeric(10,2)
FROM (VALUES
    (1, 'ENG', 'Engine & Powertrain', '{Spark Plug=7.5,Ignition Wire Set=38,Timing Belt=42,Timing Chain Kit=145,Head Gasket=58,
Valve Cover Gasket=24,Piston Ring Set=66,Engine Mount=49,Camshaft Seal=9,Crankshaft Seal=12,Oil Pump=112,Fuel Injector=74,
Intake Manifold Gasket=21,Turbocharger=640}'),
    (2, 'TRN', 'Transmission & Drivetrain', '{Clutch Kit=210,Flywheel=165,CV Axle=96,CV Boot Kit=19,Transmission Mount=41,
Transmission Filter Kit=28,Drive Shaft Joint=33,Differential Gasket=11,Transfer Case Seal=14}'),
    (3, 'TIR', 'Tires & Wheels', '{All-Season Tire=118,Winter Tire=136,Alloy Wheel=189,Steel Wheel=72,Lug Nut Set=18,
Valve Stem=3.5,Tire Pressure Sensor=44,Wheel Hub Assembly=102}'),
    (4, 'BRK', 'Brakes', '{Front Brake Pads=46,Rear Brake Pads=41,Front Brake Rotor=68,Rear Brake Rotor=61,Brake Caliper=92,
Brake Hose=22,Master Cylinder=118,Brake Shoe Set=37,Wheel Speed Sensor=34}'),
    (5, 'COL', 'Cooling System', '{Radiator=156,Water Pump=78,Thermostat=17,Radiator Hose=19,Cooling Fan Assembly=134,
Coolant Reservoir=42,Radiator Cap=8.5,Heater Hose=14,Coolant Temperature Sensor=16}'),
    (6, 'ELE', 'Electrical System', '{Battery=142,Alternator=218,Starter Motor=176,Serpentine Belt=29,Headlight Bulb=15,
Tail Light Assembly=64,Fuse Set=6,Ignition Coil=52,Oxygen Sensor=59,Window Motor=83}'),
    (7, 'HVA', 'HVAC', '{AC Compressor=264,AC Condenser=148,Blower Motor=72,Cabin Air Filter=18,Heater Core=88,
Expansion Valve=36,AC Receiver Drier=31,Blend Door Actuator=27}'),
    (8, 'SUS', 'Suspension & Steering', '{Front Strut=109,Rear Shock Absorber=67,Control Arm=84,Ball Joint=31,Tie Rod End=27,
Stabilizer Link=19,Coil Spring=58,Steering Rack=289,Power Steering Pump=137,Wheel Bearing=48}'),
    (9, 'GEN', 'General Preventive Maintenance', '{Wiper Blade=14,Engine Air Filter=19,Drain Plug Washer=2,Shop Supplies Kit=6.5,
Hardware Clip Set=5,Door Hinge Grease=7,Battery Terminal Kit=9}'),
    (10, 'EXH', 'Exhaust & Emissions', '{Muffler=124,Catalytic Converter=412,Exhaust Gasket=11,Exhaust Hanger=7,Resonator=86,
EGR Valve=97,PCV Valve=9,Exhaust Clamp=5.5}'),
    (11, 'FLU', 'Fluids & Filters', '{Synthetic Oil 5 qt=32,Oil Filter=9,Coolant 1 gal=18,Brake Fluid 1 qt=11,
Automatic Transmission Fluid=14,Power Steering Fluid=9.5,Fuel Filter=23,Gear Oil 1 qt=13}')
) AS c (category_number, prefix, category, items), unnest(items::text[]) WITH ORDINALITY AS u (item, position);

INSERT INTO auto_parts
SELECT part_id, k.prefix || '-' || lpad(k.n::text, 3, '0') || '-' || (ARRAY['E', 'S', 'P', 'X'])[grade],
       k.name || (ARRAY[', Economy', '', ', Premium', ', Performance'])[grade], k.category, generator.word(w.brands, h, 0), price,
       CASE WHEN generator.pick(h, 1, 25) > 0 THEN round(price * (50 + generator.pick(h, 2, 20)) / 100, 2) END,
       reorder_level + generator.pick(h, 3, 160) - 10, reorder_level,
       CASE WHEN generator.pick(h, 4, 12) > 0 THEN round(k.base_price * (2 + generator.pick(h, 5, 7)) / 100, 3) END,
       CASE WHEN generator.pick(h, 6, 15) = 0 THEN NULL
            WHEN k.prefix IN ('FLU', 'GEN') THEN '{}'
            ELSE w.makes[1 + generator.pick(h, 6, 7) : 2 + generator.pick(h, 6, 7) + generator.pick(h, 7, 5)] END,
       CASE WHEN part_id % 16 = 5 THEN guide.text
            WHEN generator.pick(h, 7, 4) > 0 THEN k.name || ' for the ' || lower(k.category) || ', checked by the maker' END,
       generator.pick(h, 2, 40) = 0, date '2015-01-01' + generator.pick(h, 3, 3600),
       timestamptz '2025-06-30 18:00:00+00' - generator.pick(h, 4, 20000) * interval '1 minute'
FROM generate_series(1, 400) AS part_id
CROSS JOIN LATERAL (SELECT md5('part:' || part_id), 1 + (part_id - 1) % 4, 10 + part_id % 4 * 5) AS base (h, grade, reorder_level)
JOIN generator.part_kind k ON k.n = (part_id + 3) / 4
CROSS JOIN LATERAL (
    SELECT round(k.base_price * (ARRAY[0.78, 1.00, 1.34, 1.72])[grade] + generator.pick(h, 1, 300) / 100.0, 2)
) AS priced (price)
CROSS JOIN generator.words w
CROSS JOIN LATERAL (
    SELECT string_agg(format('Step %s: fit %s with part %s and tighten to %s Nm.',
                             step, lower(k.name), substr(md5(h || step), 1, 8), 10 + step * 7 % 90), ' ' ORDER BY step) AS text
    FROM generate_series(1, 60) AS step
) AS guide
ORDER BY part_id;

-- Labour costs 1.50 a minute. Two services have the numbers that the documents give them; the others' come from their names.
INSERT INTO service
SELECT coalesce(known, (10000000 + generator.pick_wide(md5('service:' || name), 80000000))::text), name, category, minutes,
       minutes * 1.50, timestamptz '2025-06-01 12:00:00+00'
FROM (
    SELECT category, btrim(split_part(item, '=', 1)) AS name, split_part(item, '=', 2)::integer AS minutes,
           nullif(split_part(item, '=', 3), '') AS known
    FROM (VALUES
        ('Engine & Powertrain', '{Engine Tune-Up=120,Engine Rebuild=1200=92038482,Timing Belt Replacement=240,
Spark Plug Replacement=60,Head Gasket Repair=540,Engine Mount Replacement=120,Valve Cover Gasket Replacement=90,
Fuel Injector Service=100,Oil Pump Replacement=210,Turbocharger Replacement=330}'),
        ('Transmission & Drivetrain', '{Clutch Replacement=360,Transmission Rebuild=900,Transmission Service=90,
CV Axle Replacement=120,Differential Service=75,Transfer Case Service=80,Flywheel Replacement=330,Drive Shaft Repair=110,
CV Boot Replacement=95,Transmission Mount Replacement=70}'),
        ('Tires & Wheels', '{Tire Rotation=30,Four-Tire Installation=75,Wheel Balancing=40,Wheel Alignment=60,Flat Tire Repair=25,
Tire Pressure Sensor Replacement=45,Winter Tire Changeover=50,Wheel Hub Replacement=115,Alloy Wheel Repair=90,
Spare Wheel Service=20}'),
        ('Brakes', '{Front Brake Pad Replacement=75,Rear Brake Pad Replacement=80,Brake Rotor Replacement=110,
Brake Fluid Flush=45,Brake Caliper Replacement=100,Brake Hose Replacement=70,Master Cylinder Replacement=140,
Drum Brake Service=120,ABS Sensor Replacement=65,Complete Brake Overhaul=240}'),
        ('Cooling System', '{Coolant Flush=50,Radiator Replacement=150,Water Pump Replacement=180,Thermostat Replacement=60,
Cooling Fan Repair=95,Hose Replacement=55,Heater Hose Replacement=65,Reservoir Replacement=40,Pressure Test=35,
Overheating Diagnosis=70}'),
        ('Electrical System', '{Battery Replacement=25,Alternator Replacement=110,Starter Replacement=120,Electrical Diagnosis=75,
Headlight Replacement=30,Ignition Coil Replacement=55,Serpentine Belt Replacement=45,Window Motor Replacement=100,
Oxygen Sensor Replacement=60,Charging System Test=40}'),
        ('HVAC', '{AC Recharge=60,AC Compressor Replacement=210,Condenser Replacement=165,Blower Motor Replacement=85,
Heater Core Replacement=420,Cabin Filter Replacement=20,Expansion Valve Replacement=130,Climate Control Diagnosis=70,
AC Leak Test=50,Blend Door Repair=140}'),
        ('Suspension & Steering', '{Strut Replacement=180,Shock Absorber Replacement=100,Control Arm Replacement=130,
Ball Joint Replacement=120,Tie Rod Replacement=80,Stabilizer Link Replacement=55,Steering Rack Replacement=270,
Power Steering Pump Replacement=140,Wheel Bearing Replacement=125,Suspension Inspection=45}'),
        ('General Preventive Maintenance', '{Multi-Point Inspection=45,Synthetic Oil Change=30=48392017,30000 Mile Service=120,
60000 Mile Service=180,90000 Mile Service=240,Wiper Blade Replacement=15,Engine Air Filter Replacement=20,Seasonal Check=60,
Pre-Purchase Inspection=90,Road Trip Inspection=50}'),
        ('Exhaust & Emissions', '{Muffler Replacement=75,Catalytic Converter Replacement=120,Exhaust Leak Repair=80,
Emissions Test=30,EGR Valve Replacement=95,PCV Valve Replacement=35,Resonator Replacement=70,Exhaust Hanger Replacement=30,
Complete Exhaust Replacement=180,Check Engine Light Diagnosis=60}'),
        ('Fluids & Filters', '{Conventional Oil Change=30,High Mileage Oil Change=35,Transmission Fluid Exchange=75,
Power Steering Flush=45,Fuel Filter Replacement=50,Differential Fluid Change=55,Transfer Case Fluid Change=55,
Brake Fluid Exchange=45,Coolant Exchange=60,Fluid Top-Off=15}')
    ) AS c (category, items), unnest(items::text[]) AS item
) AS services;

-- Each service takes as many kinds of parts as it weighs (27 for the engine rebuild, 1,047 shared among the others), its own
-- category's before fluids and general supplies, and one grade of each kind.
INSERT INTO service_parts
WITH weighted AS (
    SELECT serviceid, category, serviceid <> '92038482' AS shared, 6 + generator.pick(md5(serviceid), 0, 8) AS weight FROM service
), counted AS (
    SELECT serviceid, category, CASE WHEN shared
           THEN 1047 * sum(weight) OVER w / sum(weight) OVER (PARTITION BY shared)
                - 1047 * (sum(weight) OVER w - weight) / sum(weight) OVER (PARTITION BY shared)
           ELSE 27 END AS parts
    FROM weighted WINDOW w AS (PARTITION BY shared ORDER BY serviceid COLLATE "C")
), ranked AS (
    SELECT c.serviceid, c.parts, k.n AS kind, h,
           row_number() OVER (PARTITION BY c.serviceid
                              ORDER BY k.category <> c.category, generator.pick(h, 0, 60000), k.n) AS place
    FROM counted c
    JOIN generator.part_kind k ON k.category IN (c.category, 'Fluids & Filters', 'General Preventive Maintenance')
    CROSS JOIN LATERAL (SELECT md5(c.serviceid || ':' || k.n)) AS hashed (h)
)
SELECT r.serviceid, p.sku, (ARRAY[1, 1, 1, 2, 2, 4])[1 + generator.pick(h, 2, 6)]
FROM ranked r JOIN auto_parts p ON p.part_id = 4 * r.kind - generator.pick(h, 1, 4)
WHERE place <= parts
ORDER BY r.serviceid COLLATE "C", place;
